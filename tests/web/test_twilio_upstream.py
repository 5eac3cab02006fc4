"""The upstream as it is on the wire: a stand-in on this machine, opened through the real door."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from outbound.stand_in import Asked, Line, serving
from polyscribe import testing
from polyscribe.outbound import Allowed, Door
from polyscribe.services import access
from polyscribe.services.app import Remote
from polyscribe.web import twilio_upstream

SID = f"RE{'1' * 32}"
ACCOUNT = f"AC{'9' * 32}"
PAIR = base64.b64encode(f"{ACCOUNT}:upstream-token".encode()).decode()


def upstream(asked: Asked, line: Line) -> None:
    """Knows one recording, whose call it has forgotten, and shows it to those who have the credentials."""
    if asked.headers.get("authorization") != f"Basic {PAIR}":
        line.answer(401)
    elif asked.path.endswith(f"/Recordings/{SID}.json"):
        body = {"sid": SID, "call_sid": f"CA{'2' * 32}", "channels": 1, "duration": "7", "status": "completed"}
        line.answer(200, json.dumps(body).encode(), content_type="application/json")
    else:
        line.answer(404)


def test_metadata_is_fetched_with_the_credentials_of_the_upstream(tmp_path: Path) -> None:
    with serving(upstream) as stand_in:
        remote = Remote(stand_in.url, ACCOUNT, "upstream-token")
        door = Door(Allowed.parse("127.0.0.1"))
        app = testing.app(tmp_path, outbound=door, remotes={"twilio": remote})
        owner = access.create_account(app, "Acme")[0].id
        recording_id = twilio_upstream.from_sid("RE", SID)
        assert recording_id is not None

        found = twilio_upstream.find(app, owner, recording_id)

        app.database.close()
        paths = [each.path for each in stand_in.asked]
    assert (found.channels, found.duration_ms, found.call_id) == (1, 7000, None)
    assert (
        found.remote_url == f"{remote.base_url}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}.wav?RequestedChannels=1"
    )
    assert paths == [
        f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}.json",
        f"/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{'2' * 32}.json",
    ]
