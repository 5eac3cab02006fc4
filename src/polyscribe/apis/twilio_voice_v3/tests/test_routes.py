"""Fetching, listing and deleting transcriptions, and who may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import homes
import sounds
from homes import Home, call_transcript
from polyscribe.apis.twilio_voice_v3.tests.steps import TRANSCRIPTIONS, create, find, wanted
from polyscribe.apis.twilio_voice_v3.translate import id_of
from polyscribe.domain.transcription import Fault
from polyscribe.services import access, work


def fetch(at: Home, transcription: Any) -> Any:
    return at.client.get(f"{TRANSCRIPTIONS}/{id_of(transcription)}")


def listed(at: Home, **query: str) -> list[str]:
    answer = at.client.get(TRANSCRIPTIONS, params=query)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["transcriptions"]]


def test_the_states_are_pending_running_completed(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    waiting = fetch(at, made)
    work.begin(at.app, str(made.id))
    working = fetch(at, made)
    at.end(find(at, id_of(made)), call_transcript())
    done = fetch(at, made)

    assert [each.json()["status"] for each in (waiting, working, done)] == ["PENDING", "RUNNING", "COMPLETED"]
    assert [each.headers.get("retry-after") for each in (waiting, working, done)] == ["5", "5", None]
    assert done.json()["transcription"]["duration"] == 62
    assert "Good morning." not in done.text


def test_a_failed_one_says_why(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    at.end(made, None, Fault("source", "too_short", "The audio is shorter than 2 seconds."))

    body = fetch(at, made).json()["transcription"]
    assert (body["status"], body["error"]["code"], body["duration"]) == ("FAILED", 17554, None)
    assert body["error"]["message"] == "The audio is shorter than 2 seconds."


def test_a_job_goes_from_the_address_to_the_transcript(at: Home, configuration: str, tmp_path: Path) -> None:
    made = create(at, configuration)
    at.outbound.files[str(made.url)] = sounds.sample_call(tmp_path / "call.wav")

    at.work()

    body = fetch(at, made).json()
    assert body["status"] == "COMPLETED"
    assert len(at.outbound.sent) == 1


@pytest.mark.parametrize("spelling", ["x", "voice_transcription_01k1etx3jbfx88476ccja0889c", "voice_transcription_zzz"])
def test_what_is_not_there_is_not_found(at: Home, spelling: str) -> None:
    answer = at.client.get(f"{TRANSCRIPTIONS}/{spelling}")

    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_what_belongs_to_another_account_is_not_found(at: Home, configuration: str) -> None:
    made = create(at, configuration)
    at.client.auth = at.stranger()

    assert fetch(at, made).status_code == 404
    assert at.client.delete(f"{TRANSCRIPTIONS}/{id_of(made)}").status_code == 404
    assert listed(at) == []


def test_a_deleted_one_is_gone(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    answer = at.client.delete(f"{TRANSCRIPTIONS}/{id_of(made)}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert fetch(at, made).status_code == 404
    assert listed(at) == []


def test_the_newest_comes_first_and_pages_give_each_once(at: Home, configuration: str) -> None:
    made = []
    for _ in range(5):
        made.append(id_of(create(at, configuration)))
        at.clock.forward(1)

    seen: list[str] = []
    query = {"pageSize": "2"}
    while True:
        body = at.client.get(TRANSCRIPTIONS, params=query).json()
        seen += [each["id"] for each in body["transcriptions"]]
        assert body["meta"]["key"] == "transcriptions"
        assert body["meta"]["pageSize"] == len(body["transcriptions"])
        if body["meta"]["nextToken"] is None:
            break
        query["pageToken"] = body["meta"]["nextToken"]

    assert seen == made[::-1]


def test_pages_lead_back_too(at: Home, configuration: str) -> None:
    for _ in range(5):
        create(at, configuration)
        at.clock.forward(1)

    def page(token: str | None) -> Any:
        return at.client.get(TRANSCRIPTIONS, params={"pageSize": "2"} | ({"pageToken": token} if token else {})).json()

    first = page(None)
    second = page(first["meta"]["nextToken"])
    third = page(second["meta"]["nextToken"])
    again = page(third["meta"]["previousToken"])
    start = page(again["meta"]["previousToken"])

    assert first["meta"]["previousToken"] is None
    assert again["transcriptions"] == second["transcriptions"]
    assert start["transcriptions"] == first["transcriptions"]
    assert start["meta"]["previousToken"] is None
    assert page(start["meta"]["nextToken"])["transcriptions"] == second["transcriptions"]


def test_what_comes_in_meanwhile_does_not_move_the_pages(at: Home, configuration: str) -> None:
    old = [id_of(create(at, configuration)) for _ in range(3)]
    first = at.client.get(TRANSCRIPTIONS, params={"pageSize": "2"}).json()
    at.clock.forward(1)
    create(at, configuration)

    second = listed(at, pageSize="2", pageToken=first["meta"]["nextToken"])

    assert {*second, *(each["id"] for each in first["transcriptions"])} == set(old)


def test_filters_join(at: Home, configuration: str, tmp_path: Path) -> None:
    recording_id, _ = homes.keep(at, sounds.write_wav(tmp_path / "a.wav", sounds.tone(1)))
    sid = f"RE{recording_id.hex}"
    by_url = create(at, configuration)
    at.clock.forward(60)
    by_sid = create(at, configuration, mediaUrl=None, participants=None, sourceId=sid)
    at.end(by_url, call_transcript())

    assert listed(at, sourceId=sid) == [id_of(by_sid)]
    assert listed(at, status="COMPLETED") == [id_of(by_url)]
    assert listed(at, status="COMPLETED", sourceId=sid) == []
    assert listed(at, languageCode="en-US") == [id_of(by_sid), id_of(by_url)]
    assert listed(at, languageCode="EN-us") == []
    assert listed(at, createdAfter="2026-05-01T10:01:00Z") == [id_of(by_sid)]
    assert listed(at, createdBefore="2026-05-01T10:01:00Z") == [id_of(by_url)]
    assert listed(at, createdAfter="2026-05-01T20:01:00+10:00") == [id_of(by_sid)]


@pytest.mark.parametrize(
    "query",
    [
        {"sourceId": "RE1"},
        {"status": "completed"},
        {"createdAfter": "yesterday"},
        {"pageSize": "0"},
        {"pageSize": "-1"},
        {"pageSize": "many"},
        {"pageToken": "x"},
        {"pageToken": "!"},
        {"languageCode": "\x00"},
    ],
)
def test_a_list_with_a_bad_parameter_is_refused(at: Home, query: dict[str, str]) -> None:
    answer = at.client.get(TRANSCRIPTIONS, params=query)

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_a_token_is_valid_for_its_filters_and_its_account_only(at: Home, configuration: str) -> None:
    for _ in range(2):
        create(at, configuration)
    token = at.client.get(TRANSCRIPTIONS, params={"pageSize": "1"}).json()["meta"]["nextToken"]
    stranger = at.stranger()

    assert at.client.get(TRANSCRIPTIONS, params={"pageToken": token}).status_code == 200
    assert at.client.get(TRANSCRIPTIONS, params={"pageToken": token, "status": "PENDING"}).status_code == 400
    assert at.client.get(TRANSCRIPTIONS, params={"pageToken": token}, auth=stranger).status_code == 400


def test_the_other_spelling_of_paging_parameters_is_understood(at: Home, configuration: str) -> None:
    for _ in range(3):
        create(at, configuration)

    first = at.client.get(TRANSCRIPTIONS, params={"PageSize": "1"}).json()
    second = listed(at, PageSize="1", PageToken=first["meta"]["nextToken"])

    assert len(first["transcriptions"]) == len(second) == 1
    assert first["transcriptions"][0]["id"] != second[0]


def test_a_page_larger_than_the_largest_is_clamped(at: Home, configuration: str) -> None:
    for _ in range(101):
        create(at, configuration)

    assert len(listed(at, pageSize="500")) == 100


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic eA=="},
        {"Authorization": "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp4"},
    ],
)
def test_without_a_valid_pair_nothing_is_answered(at: Home, headers: dict[str, str]) -> None:
    at.client.auth = None

    answer = at.client.get(TRANSCRIPTIONS, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert {"type", "title", "status", "code"} <= set(answer.json())


def test_an_api_key_speaks_for_its_account(at: Home, configuration: str) -> None:
    made = create(at, configuration)
    at.client.auth = (at.key_sid, at.key_secret)

    assert fetch(at, made).status_code == 200


def test_a_key_of_another_api_does_not_open_this_one(at: Home) -> None:
    bota = access.create_key(at.app, at.account.name, "bota", frozenset())
    at.client.auth = (bota.credential.lookup, bota.secret)

    assert at.client.get(TRANSCRIPTIONS).status_code == 401


def test_a_restricted_key_does_what_its_scopes_say(at: Home, configuration: str) -> None:
    reader = access.create_key(at.app, at.account.name, "twilio", frozenset({"read"}))
    at.client.auth = (reader.credential.lookup, reader.secret)

    answer = at.client.post(TRANSCRIPTIONS, json=wanted(configuration))

    assert at.client.get(TRANSCRIPTIONS).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (403, 20403)


def test_the_wrong_method_is_told_in_the_shape_of_this_api(at: Home) -> None:
    answer = at.client.put(TRANSCRIPTIONS)

    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (405, 405, 20004)


def test_a_surprise_is_told_in_the_shape_of_this_api(at: Home, configuration: str) -> None:
    create(at, configuration)
    with at.app.database.transaction() as tx:
        tx.exec_driver_sql("update transcriptions set wire = '{}'")

    answer = at.client.get(TRANSCRIPTIONS)

    assert (answer.status_code, answer.json()["code"]) == (500, 20500)
    assert "wire" not in answer.text


def test_a_final_slash_is_no_other_path(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    assert at.client.get(TRANSCRIPTIONS + "/").status_code == 200
    assert at.client.get(f"{TRANSCRIPTIONS}/{id_of(made)}/").json()["operationId"] == id_of(made)


def test_strict_limits_are_those_of_the_real_product(tmp_path: Path) -> None:
    with homes.home(tmp_path, strict_limits=True) as at:
        limits = at.app.faces["twilio_voice_v3"].limits

    assert (limits.max_bytes, limits.min_ms, limits.max_ms) == (3_221_225_472, 2000, 28_800_000)
    assert limits.formats == {"wav", "mp3", "flac"}
