"""Whatever is killed, and whenever: every accepted transcription ends exactly once, and its customer is told of it.

20 rounds run with the suite; `POLYSCRIBE_TEST_KILLS=200 pytest tests/walks/test_kill.py` runs more. The seed of the
schedule is printed when it fails, and taken from POLYSCRIBE_TEST_SEED.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from servers import Customer, Server, customer, polyscribe, spawn, wait_ready
from sounds import sample_call

ROUNDS = int(os.environ.get("POLYSCRIBE_TEST_KILLS", "20"))
JOBS_PER_ROUND = 2
SETTLE_S = 180.0


@dataclass
class Accepted:
    """What the server promised, by transcription id, and the final states that were seen since."""

    by_id: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def call(server: Server, method: str, path: str, body: object = None, **headers: str) -> Any:
    pair = base64.b64encode(f"{server.account_sid}:{server.auth_token}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 (loopback)
        server.base_url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {pair}", "Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (loopback)
        return json.loads(answer.read())


def insist(server: Server, method: str, path: str, body: object = None, **headers: str) -> Any:
    """As a client that tries again while the server is away."""
    until = time.monotonic() + 60
    while True:
        try:
            return call(server, method, path, body, **headers)
        except urllib.error.HTTPError as error:
            if error.code < 500 or time.monotonic() > until:
                raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
        time.sleep(0.2)


def configuration(server: Server, host: Customer) -> str:
    made = insist(
        server,
        "POST",
        "/v2/Configurations/Transcription",
        {
            "configuration": {
                "configurationType": "Transcription",
                "transcriptionEngine": "deepgram",
                "language": "en-US",
                "transcriptionStatusCallback": {"url": f"{host.url}/callback", "method": "POST"},
                "participantDefaults": [
                    {"audioChannelIndex": 1, "type": "HUMAN_AGENT"},
                    {"audioChannelIndex": 2, "type": "CUSTOMER"},
                ],
            }
        },
    )
    return str(made["id"])


def create(server: Server, host: Customer, configuration_id: str) -> str:
    body = {"transcriptionConfigurationId": configuration_id, "mediaUrl": f"{host.url}/call.wav"}
    made = insist(server, "POST", "/v3/Transcriptions", body, **{"Idempotency-Key": str(uuid4())})
    return str(made["transcription"]["id"])


def kill_something(server: Server, chance: random.Random) -> None:
    """SIGKILL for the supervisor (and with it all), or for one of its children: the API or a worker."""
    supervisor = psutil.Process(server.process.pid)
    children = supervisor.children()
    victim = chance.choice([supervisor, *children, *children])
    victim.send_signal(signal.SIGKILL)
    if victim is supervisor:
        server.process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, "a child outlived its supervisor"


def revive(server: Server) -> None:
    if server.process.poll() is not None:
        log = server.data_dir / "server.log"
        server.process = spawn(server.environment, server.port, log)
        wait_ready(server.base_url, server.process, log)


def settle(server: Server, accepted: Accepted) -> None:
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        for each, finals in accepted.by_id.items():
            if not finals:
                note(server, each, finals)
        if all(accepted.by_id.values()):
            return
        time.sleep(0.5)


def note(server: Server, transcription_id: str, finals: set[str]) -> None:
    status = insist(server, "GET", f"/v3/Transcriptions/{transcription_id}")["status"]
    if status in {"COMPLETED", "FAILED"}:
        finals.add(status)


def bodies(host: Customer) -> dict[str, list[bytes]]:
    told: dict[str, list[bytes]] = defaultdict(list)
    for received in host.received:
        told[json.loads(received.body)["id"]].append(received.body)
    return told


@pytest.mark.real
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_doubled_when_processes_are_killed(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("POLYSCRIBE_TEST_SEED", random.randrange(1_000_000)))
    print(f"POLYSCRIBE_TEST_SEED={seed}")
    chance, accepted = random.Random(seed), Accepted()
    settings = {} if store == "sqlite" else {"DATABASE_URL": request.getfixturevalue("postgresql_url")}
    sample_call(tmp_path / "files" / "call.wav")
    with customer(tmp_path / "files") as host, polyscribe(tmp_path / "data", **settings) as server:
        with_callback = configuration(server, host)
        for _ in range(ROUNDS // 2):
            for _ in range(JOBS_PER_ROUND):
                accepted.by_id[create(server, host, with_callback)] = set()
            time.sleep(chance.uniform(0.05, 2.0))
            kill_something(server, chance)
            revive(server)
            for each, finals in accepted.by_id.items():
                note(server, each, finals)
        settle(server, accepted)
        until = time.monotonic() + 60
        while set(bodies(host)) < set(accepted.by_id) and time.monotonic() < until:
            time.sleep(0.5)

    told = bodies(host)
    assert {each: finals for each, finals in accepted.by_id.items() if finals != {"COMPLETED"}} == {}
    assert set(told) == set(accepted.by_id)
    assert all(len(set(each)) == 1 for each in told.values()), "one transcription was told in different words"
    sentences = {json.dumps(json.loads(each[0])["sentences"]) for each in told.values()}
    assert len(sentences) == 1, "one recording gave different transcripts"
