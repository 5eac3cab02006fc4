"""Recordings that lie on the account's upstream: found there, written down, fetched by the job (§C)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sounds
from homes import Home
from polyscribe.domain.errors import FetchFailed, FetchFault, NotFound
from polyscribe.domain.recording import Direction
from polyscribe.services import recordings
from polyscribe.web import twilio_upstream

UPSTREAM = f"https://upstream.example.test/2010-04-01/Accounts/AC{'9' * 32}"
NUMBERS = iter(range(1, 1000))


class Upstream:
    """What lies at the upstream: a recording and its call."""

    def __init__(self, at: Home, folder: Path, **changes: Any) -> None:
        number = next(NUMBERS)
        self.sid, self.call_sid = f"RE{number:032x}", f"CA{number:032x}"
        self._at, self._folder = at, folder
        recording = {
            "sid": self.sid,
            "call_sid": self.call_sid,
            "channels": 2,
            "date_created": "Fri, 14 Oct 2016 21:56:34 +0000",
            "start_time": "Fri, 14 Oct 2016 21:56:30 +0000",
            "duration": "31",
            "status": "completed",
            "source": "OutboundAPI",
            "encryption_details": None,
            "media_url": f"https://api.twilio.com/2010-04-01/Accounts/AC{'9' * 32}/Recordings/{self.sid}",
        }
        call = {
            "sid": self.call_sid,
            "from": "+61255501234",
            "to": "+61255505678",
            "direction": "outbound-api",
            "start_time": "Fri, 14 Oct 2016 21:56:20 +0000",
            "duration": "45",
        }
        self.answer(f"Recordings/{self.sid}.json", recording | changes)
        self.answer(f"Calls/{self.call_sid}.json", call)

    def answer(self, path: str, content: object) -> None:
        file = self._folder / path.replace("/", "-")
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        self._at.outbound.files[f"{UPSTREAM}/{path}"] = file


def find(at: Home, upstream: Upstream) -> Any:
    recording_id = twilio_upstream.from_sid("RE", upstream.sid)
    assert recording_id is not None
    return twilio_upstream.find(at.app, at.account.id, recording_id)


def test_a_recording_is_found_with_its_call_and_written_down(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)

    found = find(at, upstream)

    call = twilio_upstream.call_of(at.app, found)
    assert (found.channels, found.duration_ms, found.blob_key) == (2, 31_000, None)
    assert found.remote_url == f"{UPSTREAM}/Recordings/{upstream.sid}.wav?RequestedChannels=2"
    assert found.started_at.isoformat() == "2016-10-14T21:56:30+00:00"
    assert call is not None
    assert (call.direction, call.from_address, call.duration_ms) == (Direction.OUTBOUND, "+61255501234", 45_000)
    assert recordings.find(at.app, at.account.id, found.id) == found
    assert {auth for _, auth in at.outbound.fetched} == {(f"AC{'9' * 32}", "upstream-token")}


def test_it_is_asked_for_once(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    find(at, upstream)

    find(at, upstream)

    assert len(at.outbound.fetched) == 2


def test_clients_see_it_as_one_of_ours(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    base = f"/2010-04-01/Accounts/{at.sid}"

    body = at.client.get(f"{base}/Recordings/{upstream.sid}.json").json()

    assert (body["sid"], body["account_sid"], body["source"]) == (upstream.sid, at.sid, "OutboundAPI")
    assert body["media_url"] == f"http://testserver{base}/Recordings/{upstream.sid}"
    assert at.client.get(f"{base}/Calls/{upstream.call_sid}.json").json()["to"] == "+61255505678"


def test_a_job_fetches_its_sound_with_the_credentials(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    media = f"{UPSTREAM}/Recordings/{upstream.sid}.wav?RequestedChannels=2"
    at.outbound.files[media] = sounds.sample_call(tmp_path / "call.wav")
    settings = {
        "configurationType": "Transcription",
        "transcriptionEngine": "google",
        "language": "en-US",
        "transcriptionStatusCallback": {"url": "https://app.example.test/hook"},
        "participantDefaults": [{"audioChannelIndex": n, "type": "CUSTOMER"} for n in (1, 2)],
    }
    configuration = at.client.post("/v2/Configurations/Transcription", json={"configuration": settings}).json()["id"]
    body = {"transcriptionConfigurationId": configuration, "sourceId": upstream.sid}
    made = at.client.post("/v3/Transcriptions", json=body).json()

    at.work()

    done = at.client.get(made["statusUrl"]).json()["transcription"]
    assert (done["status"], done["audioStartedAt"]) == ("COMPLETED", "2016-10-14T21:56:30Z")
    assert [each["address"] for each in done["participants"]] == ["+61255505678", "+61255501234"]
    assert (media, (f"AC{'9' * 32}", "upstream-token")) in at.outbound.fetched
    kept = at.client.get(f"/2010-04-01/Accounts/{at.sid}/Recordings/{upstream.sid}.wav")
    assert kept.content == (tmp_path / "call.wav").read_bytes()


def test_its_sound_is_fetched_for_a_client_and_kept(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    call = sounds.write_wav(tmp_path / "call.wav", sounds.tone(1))
    at.outbound.files[f"{UPSTREAM}/Recordings/{upstream.sid}.wav?RequestedChannels=2"] = call
    address = f"/2010-04-01/Accounts/{at.sid}/Recordings/{upstream.sid}"

    first = at.client.get(address)
    asked = len(at.outbound.fetched)
    second = at.client.get(address)

    assert first.content == second.content == call.read_bytes()
    assert len(at.outbound.fetched) == asked
    assert [each.name for each in at.app.spool.iterdir() if each.name.startswith("recording-")] == []


def test_the_sound_of_what_cannot_be_transcribed_is_not_there(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path, status="processing")

    assert at.client.get(f"/2010-04-01/Accounts/{at.sid}/Recordings/{upstream.sid}").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "processing"},
        {"encryption_details": {"type": "rsa"}},
        {"media_url": "https://bucket.s3.example.test/call.wav"},
    ],
)
def test_what_cannot_be_transcribed_yet_is_asked_for_again(at: Home, tmp_path: Path, changes: dict[str, Any]) -> None:
    upstream = Upstream(at, tmp_path, **changes)

    found = find(at, upstream)

    assert twilio_upstream.obstacle(found) is not None
    with pytest.raises(NotFound):
        recordings.find(at.app, at.account.id, found.id)


def test_a_call_that_is_forgotten_upstream_does_no_harm(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    del at.outbound.files[f"{UPSTREAM}/Calls/{upstream.call_sid}.json"]

    found = find(at, upstream)

    assert found.call_id is None
    assert twilio_upstream.call_of(at.app, found) is None


def test_a_recording_that_is_nowhere_is_not_found(at: Home) -> None:
    answer = at.client.get(f"/2010-04-01/Accounts/{at.sid}/Recordings/RE{'f' * 32}.json")

    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_a_recording_that_was_deleted_here_is_not_asked_for_upstream(at: Home, tmp_path: Path) -> None:
    upstream = Upstream(at, tmp_path)
    found = find(at, upstream)
    recordings.delete(at.app, at.account.id, found.id)
    asked = len(at.outbound.fetched)

    with pytest.raises(NotFound):
        find(at, upstream)

    assert len(at.outbound.fetched) == asked


def test_an_upstream_that_does_not_answer_is_our_fault_and_not_the_clients(at: Home) -> None:
    sid = f"RE{'e' * 32}"
    at.outbound.files[f"{UPSTREAM}/Recordings/{sid}.json"] = FetchFailed(FetchFault.TIMED_OUT, "No answer came.")

    answer = at.client.get(f"/2010-04-01/Accounts/{at.sid}/Recordings/{sid}.json")

    assert (answer.status_code, answer.json()["code"]) == (500, 20500)


@pytest.mark.parametrize("content", ["<html>", "[]"])
def test_an_upstream_that_answers_nonsense_is_a_failure(at: Home, tmp_path: Path, content: str) -> None:
    upstream = Upstream(at, tmp_path)
    upstream.answer(f"Recordings/{upstream.sid}.json", content)

    with pytest.raises(FetchFailed):
        find(at, upstream)


def test_nothing_is_left_in_the_spool(at: Home, tmp_path: Path) -> None:
    find(at, Upstream(at, tmp_path))

    assert [each.name for each in at.app.spool.iterdir() if each.name.startswith("metadata")] == []
