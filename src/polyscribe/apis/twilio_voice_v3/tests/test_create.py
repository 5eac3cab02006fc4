"""Creating transcriptions: every rule of §4, in the order of §11, each with its number."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import homes
import sounds
from homes import Home
from polyscribe.apis.twilio_voice_v3.tests.steps import PARTICIPANTS, TRANSCRIPTIONS, URL, create, find, wanted
from polyscribe.domain.transcription import Participant, Status
from polyscribe.services import recordings

NOBODY = "voice_transcriptionconfiguration_01k1etx3jbfx88476ccja0889c"
UNREADABLE = "voice_transcriptionconfiguration_zzzzzzzzzzzzzzzzzzzzzzzzzz"
NOWHERE = "REaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


def refused(at: Home, body: Any, status: int, code: int) -> dict[str, Any]:
    answer = at.client.post(TRANSCRIPTIONS, json=body)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), answer.text
    assert problem["type"].endswith(f"/{code}")
    assert 16 <= len(problem["title"]) <= 128
    assert 16 <= len(problem.get("detail", "x" * 16)) <= 1024
    assert answer.headers["content-type"] == "application/json"
    assert at.queue.jobs == []
    return problem


def test_an_accepted_transcription_waits_and_says_where_it_is(at: Home, configuration: str) -> None:
    answer = at.client.post(TRANSCRIPTIONS, json=wanted(configuration))

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["operation-id"] == body["transcription"]["id"]
    assert answer.headers["location"] == body["statusUrl"] == body["transcription"]["url"]
    assert answer.headers["retry-after"] == "5"
    assert "idempotency-key" not in answer.headers
    assert "operationId" not in body
    assert [job.flow for job in at.queue.jobs] == ["transcribe"]


def test_what_is_stored_is_what_was_asked_for(at: Home, configuration: str) -> None:
    found = create(at, configuration, audioStartedAt="2026-03-10T19:42:16+01:00")

    assert (found.status, found.url, found.wanted.language) == (Status.WAITING, URL, "en-US")
    assert found.audio_started_at is not None
    assert found.audio_started_at.isoformat() == "2026-03-10T18:42:16+00:00"
    assert found.participants[0] == Participant(0, "CUSTOMER", "+15550100001", "Jane")


def test_a_recording_tells_who_spoke_and_when(at: Home, configuration: str, tmp_path: Any) -> None:
    recording_id, _ = homes.keep(at, sounds.write_wav(tmp_path / "a.wav", sounds.tone(1)))

    found = create(at, configuration, mediaUrl=None, participants=None, sourceId=f"RE{recording_id.hex}")

    assert found.recording_id == recording_id
    assert [each.address for each in found.participants] == ["+61255501234", "+61255505678"]
    assert [each.role for each in found.participants] == ["CUSTOMER", "HUMAN_AGENT"]
    assert found.audio_started_at == at.clock()


def test_without_participants_the_defaults_stand(at: Home, configuration: str) -> None:
    found = create(at, configuration, participants=[{"audioChannelIndex": 2, "name": "Sam"}])

    assert found.participants == (Participant(0, "CUSTOMER"), Participant(1, "HUMAN_AGENT", None, "Sam"))


def test_the_configuration_is_remembered_as_it_was(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    at.client.delete(f"/v2/Configurations/Transcription/{configuration}")

    listed = at.client.get(TRANSCRIPTIONS).json()["transcriptions"][0]
    assert listed["resolvedConfiguration"]["speechModel"] == "nova-3"
    assert find(at, listed["id"]) == made


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"surprise": 1}, 20001),
        ({"participants": [{"audioChannelIndex": 1, "surprise": 1}]}, 20001),
        ({"transcriptionConfigurationId": None}, 17501),
        ({"transcriptionConfigurationId": "x"}, 17501),
        ({"transcriptionConfigurationId": 7}, 17501),
        ({"mediaUrl": None}, 17500),
        ({"sourceId": NOWHERE}, 20001),
        ({"mediaUrl": None, "sourceId": "RE123"}, 17502),
        ({"mediaUrl": None, "sourceId": NOWHERE.upper()}, 17502),
        ({"mediaUrl": None, "sourceId": NOWHERE, "audioStartedAt": "2026-03-10T19:42:16Z"}, 20001),
        ({"mediaUrl": "ftp://media.example.test/call.wav"}, 20001),
        ({"mediaUrl": "https://"}, 20001),
        ({"mediaUrl": "https://media.example.test/a b.wav"}, 20001),
        ({"mediaUrl": 7}, 20001),
        ({"inputSource": "SOURCE_ID"}, 20001),
        ({"inputSource": "ELSEWHERE"}, 20001),
        ({"inputSource": ["MEDIA_URL"]}, 20001),
        ({"audioStartedAt": "yesterday"}, 20001),
        ({"audioStartedAt": "2026-03-10"}, 20001),
        ({"audioStartedAt": 5}, 20001),
        ({"participants": {}}, 20001),
        ({"participants": ["Jane"]}, 20001),
        ({"participants": [{"audioChannelIndex": 3}]}, 17511),
        ({"participants": [{"audioChannelIndex": True}]}, 17511),
        ({"participants": [{"type": "CUSTOMER"}]}, 17511),
        ({"participants": [{"audioChannelIndex": 1, "type": "BOSS"}]}, 17514),
        ({"participants": [{"audioChannelIndex": 1, "type": ["CUSTOMER"]}]}, 17514),
        ({"participants": [{"audioChannelIndex": 1, "address": 5}]}, 20001),
        ({"participants": [{"audioChannelIndex": 1}] * 3}, 17510),
        ({"participants": [{"audioChannelIndex": 1}] * 2}, 17513),
        ({"mediaUrl": None, "sourceId": NOWHERE, "participants": [{"audioChannelIndex": 1}]}, 17510),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_number(
    at: Home, configuration: str, fields: dict[str, Any], code: int
) -> None:
    refused(at, wanted(configuration, **fields), 400, code)


@pytest.mark.parametrize("spelling", [NOBODY, UNREADABLE])
def test_a_configuration_that_is_not_there_is_refused(at: Home, spelling: str) -> None:
    refused(at, wanted(spelling), 422, 17530)


def test_a_configuration_of_another_account_is_not_there(at: Home, configuration: str) -> None:
    at.client.auth = at.stranger()

    refused(at, wanted(configuration), 422, 17530)


def test_a_recording_that_is_not_there_is_refused(at: Home, configuration: str) -> None:
    problem = refused(at, wanted(configuration, mediaUrl=None, participants=None, sourceId=NOWHERE), 404, 20404)

    assert problem["errors"][0]["pointer"] == "#/sourceId"


def test_a_conversation_needs_two_participants_with_addresses(at: Home, stored: str) -> None:
    refused(at, wanted(stored, participants=None), 400, 17510)
    refused(at, wanted(stored, participants=PARTICIPANTS[:1]), 400, 17510)
    nameless = [PARTICIPANTS[0], {"audioChannelIndex": 2, "type": "HUMAN_AGENT"}]
    problem = refused(at, wanted(stored, participants=nameless), 400, 17517)

    assert problem["errors"][0]["pointer"] == "#/participants/1/address"


def test_a_pointer_leads_to_the_participant(at: Home, configuration: str) -> None:
    participants = [{"audioChannelIndex": 1}, {"audioChannelIndex": 2, "type": "BOSS"}]

    problem = refused(at, wanted(configuration, participants=participants), 400, 17514)

    assert problem["errors"][0]["pointer"] == "#/participants/1/type"


def test_the_first_failure_wins_in_the_documented_order(at: Home, configuration: str) -> None:
    everything = {
        "surprise": 1,
        "transcriptionConfigurationId": "x",
        "sourceId": "RE123",
        "participants": [{"audioChannelIndex": 9, "type": "BOSS"}] * 3,
    }
    without: list[Callable[[dict[str, Any]], Any]] = [
        lambda body: body.pop("surprise"),
        lambda body: body.update(transcriptionConfigurationId=NOBODY),
        lambda body: body.update(sourceId=NOWHERE),
        lambda body: body.update(participants=[{"audioChannelIndex": 1, "type": "BOSS"}] * 3),
        lambda body: body.update(participants=[{"audioChannelIndex": 1}] * 3),
        lambda body: body.update(participants=[{"audioChannelIndex": 1}] * 2),
        lambda body: body.pop("participants"),
        lambda body: body.update(transcriptionConfigurationId=configuration),
    ]
    expected = [20001, 17501, 17502, 17511, 17514, 17510, 17513, 17530, 20404]

    seen = [at.client.post(TRANSCRIPTIONS, json=everything).json()["code"]]
    for change in without:
        change(everything)
        seen.append(at.client.post(TRANSCRIPTIONS, json=everything).json()["code"])

    assert seen == expected


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"transcriptionConfigurationId=x&mediaUrl=y", "application/json"),
        (b"{}", "application/x-www-form-urlencoded"),
        (b"[]", "application/json"),
        (b"", "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"mediaUrl": "https://a.test/\\u0000"}', "application/json"),
        (b'{"mediaUrl": "https://a.test/\\ud800"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"a": "' + b"x" * (1 << 20) + b'"}', "application/json"),
    ],
)
def test_what_is_no_json_object_is_refused(at: Home, content: bytes, media_type: str) -> None:
    answer = at.client.post(TRANSCRIPTIONS, content=content, headers={"Content-Type": media_type})

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_a_language_that_no_recogniser_knows_is_refused_with_what_to_install(at: Home, configure: Any) -> None:
    problem = refused(at, wanted(configure(language="de-DE")), 400, 20001)

    assert "Install" in problem["detail"]


@pytest.mark.parametrize(
    "wire", [{"status": "processing"}, {"encryption_details": {"encryption_public_key_sid": "CR1"}}]
)
def test_a_recording_that_is_not_ready_or_encrypted_is_refused(
    at: Home, configuration: str, tmp_path: Any, wire: dict[str, Any]
) -> None:
    recording_id, _ = homes.keep(at, sounds.write_wav(tmp_path / "a.wav", sounds.tone(1)), wire=wire)

    body = wanted(configuration, mediaUrl=None, participants=None, sourceId=f"RE{recording_id.hex}")
    refused(at, body, 422, 17533)


def test_a_deleted_recording_is_not_there(at: Home, configuration: str, tmp_path: Any) -> None:
    recording_id, _ = homes.keep(at, sounds.write_wav(tmp_path / "a.wav", sounds.tone(1)))
    recordings.delete(at.app, at.account.id, recording_id)

    body = wanted(configuration, mediaUrl=None, participants=None, sourceId=f"RE{recording_id.hex}")
    refused(at, body, 404, 20404)


def test_the_same_key_gives_the_first_answer_again(at: Home, configuration: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first = at.client.post(TRANSCRIPTIONS, json=wanted(configuration), headers=headers)
    at.end(find(at, first.json()["transcription"]["id"]), homes.call_transcript())

    second = at.client.post(TRANSCRIPTIONS, json={"another": "body"}, headers=headers)

    assert second.status_code == 202
    assert second.json() == first.json()
    assert second.headers["idempotency-key"] == "once"
    assert len(at.client.get(TRANSCRIPTIONS).json()["transcriptions"]) == 1


def test_a_key_is_forgotten_after_a_day(at: Home, configuration: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first = at.client.post(TRANSCRIPTIONS, json=wanted(configuration), headers=headers).json()
    at.clock.forward(24 * 3600 + 1)

    second = at.client.post(TRANSCRIPTIONS, json=wanted(configuration), headers=headers).json()

    assert second["transcription"]["id"] != first["transcription"]["id"]


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_has_its_length(at: Home, configuration: str, key: str) -> None:
    answer = at.client.post(TRANSCRIPTIONS, json=wanted(configuration), headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_a_key_that_comes_many_times_at_once_makes_one_transcription(at: Home, configuration: str) -> None:
    def post(_: int) -> Any:
        return at.client.post(TRANSCRIPTIONS, json=wanted(configuration), headers={"Idempotency-Key": "race"})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(post, range(16)))

    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["transcription"]["id"] for each in answers}) == 1
    assert len(at.queue.jobs) == 1
