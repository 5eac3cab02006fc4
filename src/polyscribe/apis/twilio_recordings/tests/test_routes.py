"""Recordings and calls as clients look them up (§C)."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import pytest

import homes
import sounds
from homes import Home
from polyscribe.domain.errors import NotFound
from polyscribe.services import recordings


def path(at: Home, rest: str) -> str:
    return f"/2010-04-01/Accounts/{at.sid}/{rest}"


def test_a_recording_has_the_types_that_clients_expect(at: Home, wav: Path) -> None:
    recording_id, call_id = homes.keep(at, wav, seconds=62)

    body = at.client.get(path(at, f"Recordings/RE{recording_id.hex}.json")).json()

    uri = path(at, f"Recordings/RE{recording_id.hex}")
    assert body == {
        "account_sid": at.sid,
        "api_version": "2010-04-01",
        "call_sid": f"CA{call_id.hex}",
        "conference_sid": None,
        "channels": 2,
        "date_created": "Fri, 01 May 2026 10:00:00 +0000",
        "date_updated": "Fri, 01 May 2026 10:00:00 +0000",
        "start_time": "Fri, 01 May 2026 10:00:00 +0000",
        "duration": "62",
        "sid": f"RE{recording_id.hex}",
        "price": None,
        "price_unit": "USD",
        "status": "completed",
        "source": "DialVerb",
        "error_code": None,
        "uri": f"{uri}.json",
        "subresource_uris": {},
        "encryption_details": None,
        "media_url": f"http://testserver{uri}",
    }


def test_a_call_has_what_a_recording_needs(at: Home, wav: Path) -> None:
    _, call_id = homes.keep(at, wav, seconds=62)

    body = at.client.get(path(at, f"Calls/CA{call_id.hex}.json")).json()

    assert (body["sid"], body["account_sid"]) == (f"CA{call_id.hex}", at.sid)
    assert (body["from"], body["to"], body["direction"]) == ("+61255501234", "+61255505678", "inbound")
    assert (body["status"], body["duration"], body["parent_call_sid"]) == ("completed", "62", None)
    assert body["end_time"] == "Fri, 01 May 2026 10:01:02 +0000"


@pytest.mark.parametrize("rest", ["Recordings/RE1.json", f"Recordings/RE{'0' * 32}", "Calls/CA1.json", "Messages.json"])
def test_what_is_not_there_is_not_found(at: Home, rest: str) -> None:
    answer = at.client.get(path(at, rest))

    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_another_account_sees_nothing(at: Home, wav: Path) -> None:
    recording_id, call_id = homes.keep(at, wav)
    mine = at.sid
    stranger = at.stranger()
    at.client.auth = stranger

    for account in (mine, stranger[0]):
        base = f"/2010-04-01/Accounts/{account}"
        assert at.client.get(f"{base}/Recordings/RE{recording_id.hex}.wav").status_code == 404
        assert at.client.delete(f"{base}/Recordings/RE{recording_id.hex}.json").status_code == 404
        assert at.client.get(f"{base}/Calls/CA{call_id.hex}.json").status_code == 404
    assert at.client.get(f"/2010-04-01/Accounts/{stranger[0]}/Recordings.json").json()["recordings"] == []


def test_without_a_valid_pair_nothing_is_answered(at: Home) -> None:
    at.client.auth = None

    answer = at.client.get(path(at, "Recordings.json"))

    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


def test_an_api_key_asks_for_its_account(at: Home) -> None:
    at.client.auth = (at.key_sid, at.key_secret)

    assert at.client.get(path(at, "Recordings.json")).status_code == 200


@pytest.mark.parametrize("extension", ["", ".wav"])
def test_the_sound_is_given_as_it_was_stored(at: Home, wav: Path, extension: str) -> None:
    recording_id, _ = homes.keep(at, wav)

    answer = at.client.get(path(at, f"Recordings/RE{recording_id.hex}{extension}"))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/x-wav")
    assert answer.content == wav.read_bytes()


def test_a_part_of_the_sound_is_given(at: Home, wav: Path) -> None:
    recording_id, _ = homes.keep(at, wav)

    answer = at.client.get(path(at, f"Recordings/RE{recording_id.hex}.wav"), headers={"Range": "bytes=4-7"})

    assert (answer.status_code, answer.content) == (206, wav.read_bytes()[4:8])


def test_two_channels_are_mixed_into_one_when_one_is_asked_for(at: Home, wav: Path) -> None:
    recording_id, _ = homes.keep(at, wav)
    address = path(at, f"Recordings/RE{recording_id.hex}.wav")

    mono = at.client.get(address, params={"RequestedChannels": "1"})
    both = at.client.get(address, params={"RequestedChannels": "2"})

    with wave.open(io.BytesIO(mono.content)) as file:
        assert (file.getnchannels(), round(file.getnframes() / file.getframerate(), 1)) == (1, 1.0)
    assert both.content == wav.read_bytes()
    assert mono.headers["etag"] != both.headers["etag"]


def test_mono_stays_mono(at: Home, tmp_path: Path) -> None:
    mono = sounds.write_wav(tmp_path / "mono.wav", sounds.tone(1))
    recording_id, _ = homes.keep(at, mono, channels=1)

    answer = at.client.get(path(at, f"Recordings/RE{recording_id.hex}.wav"), params={"RequestedChannels": "2"})

    assert answer.content == mono.read_bytes()


def test_mp3_is_made_and_kept(at: Home, wav: Path) -> None:
    recording_id, _ = homes.keep(at, wav)
    address = path(at, f"Recordings/RE{recording_id.hex}.mp3")

    first = at.client.get(address)
    second = at.client.get(address, headers={"Range": "bytes=0-99"})

    assert (first.status_code, first.headers["content-type"]) == (200, "audio/mpeg")
    assert 2000 < len(first.content) < 20_000
    assert second.content == first.content[:100]


@pytest.mark.parametrize("channels", ["0", "3", "x"])
def test_other_numbers_of_channels_are_refused(at: Home, wav: Path, channels: str) -> None:
    recording_id, _ = homes.keep(at, wav)

    answer = at.client.get(path(at, f"Recordings/RE{recording_id.hex}.wav"), params={"RequestedChannels": channels})

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_other_extensions_are_not_found(at: Home, wav: Path) -> None:
    recording_id, _ = homes.keep(at, wav)

    assert at.client.get(path(at, f"Recordings/RE{recording_id.hex}.ogg")).status_code == 404


def test_a_deleted_recording_is_seen_by_those_who_ask_for_it(at: Home, wav: Path) -> None:
    recording_id, _ = homes.keep(at, wav)
    address = path(at, f"Recordings/RE{recording_id.hex}")
    at.client.get(address + ".mp3")
    key = recordings.find(at.app, at.account.id, recording_id).blob_key

    answer = at.client.delete(address + ".json")

    assert (answer.status_code, answer.content) == (204, b"")
    assert at.client.get(address + ".json").status_code == 404
    assert at.client.get(address).status_code == 404
    assert at.client.get(address + ".json", params={"IncludeSoftDeleted": "true"}).json()["status"] == "deleted"
    assert at.client.get(path(at, "Recordings.json")).json()["recordings"] == []
    with_deleted = at.client.get(path(at, "Recordings.json"), params={"IncludeSoftDeleted": "True"}).json()
    assert len(with_deleted["recordings"]) == 1
    assert at.client.delete(address + ".json").status_code == 404
    for blob in (str(key), f"{key}.mp32"):
        with pytest.raises(NotFound):
            at.app.blobs.size(blob)


def listed(at: Home, **query: Any) -> list[str]:
    answer = at.client.get(path(at, "Recordings.json"), params=query)
    assert answer.status_code == 200, answer.text
    return [each["sid"] for each in answer.json()["recordings"]]


def test_lists_are_filtered(at: Home, wav: Path) -> None:
    first, first_call = homes.keep(at, wav)
    at.clock.forward(24 * 3600)
    second, _ = homes.keep(at, wav)
    one, two = f"RE{first.hex}", f"RE{second.hex}"

    assert listed(at) == [two, one]
    assert listed(at, CallSid=f"CA{first_call.hex}") == [one]
    assert listed(at, CallSid="CA1") == []
    assert listed(at, ConferenceSid=f"CF{'0' * 32}") == []
    assert listed(at, DateCreated="2026-05-01") == [one]
    assert listed(at, DateCreated="2026-05-02T00:00:00Z") == [two]
    assert listed(at, **{"DateCreated<": "2026-05-01T10:00:00Z"}) == [one]
    assert listed(at, **{"DateCreated<": "2026-05-01"}) == []
    assert listed(at, **{"DateCreated>": "2026-05-02T10:00:00Z"}) == [two]
    assert listed(at, **{"DateCreated>": "2026-05-01", "DateCreated<": "2026-05-02"}) == [one]


def test_pages_lead_to_one_another(at: Home, wav: Path) -> None:
    made = []
    for _ in range(3):
        made.append(f"RE{homes.keep(at, wav)[0].hex}")
        at.clock.forward(1)

    first = at.client.get(path(at, "Recordings.json"), params={"PageSize": "2", "DateCreated": "2026-05-01"}).json()
    second = at.client.get(first["next_page_uri"]).json()

    assert [each["sid"] for each in first["recordings"] + second["recordings"]] == made[::-1]
    assert (first["page"], first["page_size"], first["start"], first["end"]) == (0, 2, 0, 1)
    assert (second["page"], second["start"], second["end"], second["next_page_uri"]) == (1, 2, 2, None)
    assert first["previous_page_uri"] is None
    assert at.client.get(second["previous_page_uri"]).json()["recordings"] == first["recordings"]
    assert first["first_page_uri"].startswith("/2010-04-01/")
    assert "DateCreated=2026-05-01" in first["next_page_uri"]


@pytest.mark.parametrize(
    "query", [{"PageSize": "0"}, {"DateCreated": "x"}, {"PageToken": "x"}, {"Page": "3"}, {"Page": "x"}]
)
def test_a_list_with_a_bad_parameter_is_refused(at: Home, query: dict[str, str]) -> None:
    answer = at.client.get(path(at, "Recordings.json"), params=query)

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
