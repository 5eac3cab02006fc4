"""Transcripts that were kept as conversations (§10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import homes
import sounds
from homes import Home, call_transcript
from polyscribe.apis.twilio_voice_v3 import spoken
from polyscribe.apis.twilio_voice_v3.tests.steps import CONVERSATION_CONFIGURATION, TRANSCRIPTIONS, create
from polyscribe.apis.twilio_voice_v3.translate import id_of
from polyscribe.domain.transcription import Fault

CONVERSATIONS = "/v2/Conversations"


def kept(at: Home, configuration: str, **fields: Any) -> str:
    """The path of the conversation that a finished transcription was kept as."""
    made = create(at, configuration, audioStartedAt="2026-03-10T19:42:16Z", **fields)
    at.end(made, call_transcript())
    body = at.client.get(f"{TRANSCRIPTIONS}/{id_of(made)}").json()["transcription"]
    assert body["links"] == {"conversation": f"http://testserver{CONVERSATIONS}/{body['conversationId']}"}
    return f"{CONVERSATIONS}/{body['conversationId']}"


def test_without_a_conversation_configuration_nothing_is_kept(at: Home, configuration: str) -> None:
    made = create(at, configuration)

    at.end(made, call_transcript())

    body = at.client.get(f"{TRANSCRIPTIONS}/{id_of(made)}").json()["transcription"]
    assert body["conversationId"] is None
    assert "links" not in body
    assert at.client.get(CONVERSATIONS).json()["conversations"] == []


def test_a_failed_transcription_is_not_kept(at: Home, stored: str) -> None:
    at.end(create(at, stored), None, Fault("fetch", "not_found", "The media host answered 404."))

    assert at.client.get(CONVERSATIONS).json()["conversations"] == []


def test_a_conversation_is_closed_and_names_its_configuration(at: Home, stored: str) -> None:
    path = kept(at, stored)

    body = at.client.get(path).json()

    assert body["id"] == path.rsplit("/", 1)[1]
    assert (body["status"], body["configurationId"]) == ("CLOSED", CONVERSATION_CONFIGURATION)
    assert at.client.get(CONVERSATIONS).json()["conversations"][0]["id"] == body["id"]


def test_the_list_of_transcriptions_names_conversations_too(at: Home, stored: str) -> None:
    path = kept(at, stored)

    listed = at.client.get(TRANSCRIPTIONS).json()["transcriptions"][0]

    assert path.endswith(listed["conversationId"])


def test_participants_are_those_of_the_transcription(at: Home, stored: str) -> None:
    path = kept(at, stored)

    body = at.client.get(f"{path}/Participants").json()
    one = at.client.get(f"{path}/Participants/{body['participants'][1]['id']}").json()

    assert body["meta"] == {"key": "participants", "pageSize": 2, "nextToken": None, "previousToken": None}
    assert [(each["name"], each["type"]) for each in body["participants"]] == [
        ("Jane", "CUSTOMER"),
        ("Sam", "HUMAN_AGENT"),
    ]
    assert body["participants"][0]["addresses"][0]["address"] == "+15550100001"
    assert one == body["participants"][1]


def test_each_sentence_is_a_communication_with_absolute_times(at: Home, stored: str) -> None:
    path = kept(at, stored)

    body = at.client.get(f"{path}/Communications").json()
    first = body["communications"][0]

    people = at.client.get(f"{path}/Participants").json()["participants"]
    assert body["meta"]["key"] == "communications"
    assert first["author"] == {"address": "+15550100002", "channel": "VOICE", "participantId": people[1]["id"]}
    assert [each["participantId"] for each in first["recipients"]] == [people[0]["id"]]
    assert first["content"]["type"] == "TRANSCRIPTION"
    assert first["content"]["text"] == "Good morning."
    assert first["content"]["transcription"]["channel"] == 1
    assert first["content"]["transcription"]["words"][0] == {
        "text": "Good",
        "startTime": "2026-03-10T19:42:16.420Z",
        "endTime": "2026-03-10T19:42:16.700Z",
    }
    assert [each["occurredAt"] for each in body["communications"]] == ["2026-03-10T19:42:16Z", "2026-03-10T19:42:18Z"]
    assert len({each["resourceId"] for each in body["communications"]}) == 2


def test_one_communication_is_found_by_its_id(at: Home, stored: str) -> None:
    path = kept(at, stored)
    said = at.client.get(f"{path}/Communications").json()["communications"]

    assert at.client.get(f"{path}/Communications/{said[1]['id']}").json() == said[1]


def test_communications_come_in_pages(at: Home, stored: str) -> None:
    path = kept(at, stored)

    first = at.client.get(f"{path}/Communications", params={"pageSize": "1"}).json()
    token = first["meta"]["nextToken"]
    second = at.client.get(f"{path}/Communications", params={"pageSize": "1", "pageToken": token}).json()

    assert [each["content"]["text"] for each in first["communications"] + second["communications"]] == [
        "Good morning.",
        "Hello.",
    ]
    assert second["meta"]["nextToken"] is None
    back = {"pageSize": "1", "pageToken": second["meta"]["previousToken"]}
    assert at.client.get(f"{path}/Communications", params=back).json() == first


def test_what_does_not_belong_to_a_conversation_is_not_found_in_it(at: Home, stored: str) -> None:
    path, other = kept(at, stored), kept(at, stored)
    said = at.client.get(f"{other}/Communications").json()["communications"][0]["id"]
    somebody = at.client.get(f"{other}/Participants").json()["participants"][0]["id"]

    assert at.client.get(f"{path}/Communications/{said}").status_code == 404
    assert at.client.get(f"{path}/Communications/nothing").status_code == 404
    assert at.client.get(f"{path}/Participants/{somebody}").status_code == 404


def test_the_communication_behind_the_last_does_not_exist(at: Home, stored: str) -> None:
    path = kept(at, stored)
    last = at.client.get(f"{path}/Communications").json()["communications"][-1]["id"]

    assert at.client.get(f"{path}/Communications/{last[:-1]}2").status_code == 404


def test_conversations_are_found_by_the_call_or_recording(at: Home, stored: str, tmp_path: Path) -> None:
    recording_id, call_id = homes.keep(at, sounds.write_wav(tmp_path / "a.wav", sounds.tone(1)))
    kept(at, stored)
    made = create(at, stored, mediaUrl=None, participants=None, sourceId=f"RE{recording_id.hex}")
    at.end(made, call_transcript())

    found = [
        at.client.get(CONVERSATIONS, params={"channelId": each}).json()["conversations"]
        for each in (f"RE{recording_id.hex}", f"CA{call_id.hex}", "x", f"CA{'0' * 32}")
    ]
    said = at.client.get(f"{CONVERSATIONS}/{found[0][0]['id']}/Communications").json()["communications"]

    assert [len(each) for each in found] == [1, 1, 0, 0]
    assert {each["channelId"] for each in said} == {f"CA{call_id.hex}"}


@pytest.mark.parametrize(("statuses", "count"), [(["CLOSED"], 1), (["ACTIVE", "CLOSED"], 1), (["ACTIVE"], 0), ([], 1)])
def test_stored_conversations_are_closed_ones(at: Home, stored: str, statuses: list[str], count: int) -> None:
    kept(at, stored)

    answer = at.client.get(CONVERSATIONS, params={"status": statuses})

    assert len(answer.json()["conversations"]) == count


def test_a_status_that_does_not_exist_is_refused(at: Home) -> None:
    assert at.client.get(CONVERSATIONS, params={"status": "OPEN"}).status_code == 400


def test_communications_of_another_channel_are_none(at: Home, stored: str) -> None:
    path = kept(at, stored)

    assert at.client.get(f"{path}/Communications", params={"channelId": "CA1"}).json()["communications"] == []


def test_a_deleted_transcription_takes_its_conversation_along(at: Home, stored: str) -> None:
    path = kept(at, stored)
    transcription = at.client.get(TRANSCRIPTIONS).json()["transcriptions"][0]["id"]

    at.client.delete(f"{TRANSCRIPTIONS}/{transcription}")

    assert at.client.get(path).status_code == 404


def test_another_account_sees_nothing_of_it(at: Home, stored: str) -> None:
    path = kept(at, stored)
    at.client.auth = at.stranger()

    answers = [at.client.get(path + part) for part in ("", "/Participants", "/Communications")]

    assert [each.status_code for each in answers] == [404, 404, 404]
    assert "type" not in answers[0].json()
    assert at.client.get(CONVERSATIONS).json()["conversations"] == []


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_ids_of_communications_are_read_and_written_alike(number: int) -> None:
    conversation_id = UUID(int=7)

    assert spoken.number_of(conversation_id, spoken.communication_id(conversation_id, number)) == number
    assert spoken.number_of(UUID(int=8), spoken.communication_id(conversation_id, number)) is None
