"""Golden examples from the contract and from the documentation, both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from homes import call_transcript
from polyscribe.apis.twilio_voice_v3 import reading, translate
from polyscribe.apis.twilio_voice_v3.tests.steps import example
from polyscribe.apis.twilio_voice_v3.wire import CONFIGURATION, CONVERSATION, TITLES, TRANSCRIPTION
from polyscribe.domain.errors import FetchFault, SourceFault
from polyscribe.domain.recording import Call, Direction
from polyscribe.domain.transcription import Fault, Participant, Status, Transcription, Wanted
from polyscribe.web import twilio

BASE = "https://voice.twilio.com"
DEFAULTS = [{"audioChannelIndex": 1, "type": "CUSTOMER"}, {"audioChannelIndex": 2, "type": "HUMAN_AGENT"}]
JANE = Participant(0, "CUSTOMER", "+15551234567", "Jane Doe")
SMITH = Participant(1, "HUMAN_AGENT", "+15559876543", "Agent Smith")


def as_in(body: dict[str, Any], **changes: Any) -> Transcription:
    """The transcription behind an example of the documentation."""
    resource = body["transcription"]
    transcription_id = twilio.from_typeid(TRANSCRIPTION, resource["id"])
    assert transcription_id is not None
    plain = Transcription(
        id=transcription_id,
        account_id=UUID(resource["accountId"][2:]),
        api="twilio_voice_v3",
        status=Status.WAITING,
        wanted=Wanted(language="en-US"),
        created_at=datetime(2026, 4, 2, 19, 25, 20, tzinfo=UTC),
        updated_at=datetime(2026, 4, 2, 19, 25, 20, tzinfo=UTC),
        participants=(JANE, SMITH),
        audio_started_at=datetime(2026, 3, 10, 19, 42, 16, tzinfo=UTC),
        wire={
            "configurationId": resource["transcriptionConfigurationId"],
            "resolvedConfiguration": resource["resolvedConfiguration"],
        },
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("name", ["created_by_recording", "created_by_url"])
def test_an_accepted_transcription_is_written_as_documented(name: str) -> None:
    documented = example(name)
    source = documented["transcription"]["sourceId"]
    transcription = as_in(
        documented,
        url=documented["transcription"]["mediaUrl"],
        recording_id=None if source is None else twilio.from_sid("RE", source),
    )

    assert translate.accepted(transcription, BASE) == documented


def test_a_fetched_transcription_is_written_as_documented() -> None:
    documented = example("fetched")
    transcription = as_in(
        documented,
        status=Status.DONE,
        duration_ms=120_000,
        recording_id=twilio.from_sid("RE", documented["transcription"]["sourceId"]),
    )
    conversation_id = documented["transcription"]["conversationId"]

    written = translate.envelope(transcription, BASE, conversation_id)

    links = written["transcription"].pop("links")
    assert written == documented
    assert links == {"conversation": f"{BASE}/v2/Conversations/{conversation_id}"}


def test_a_repeated_create_is_answered_as_the_first_one_was() -> None:
    first = as_in(example("created_by_url"), url="https://example.com/audio/recording.wav")
    ended = replace(first, status=Status.DONE, duration_ms=5000, updated_at=datetime.now(UTC))

    assert translate.accepted(ended, BASE) == translate.accepted(first, BASE)


def test_the_callback_is_written_as_documented() -> None:
    documented = example("callback")
    transcription = as_in(
        {"transcription": documented | {"resolvedConfiguration": {}}},
        status=Status.DONE,
        duration_ms=62_000,
        recording_id=twilio.from_sid("RE", documented["sourceId"]),
        participants=(Participant(0, "CUSTOMER"), Participant(1, "HUMAN_AGENT")),
        created_at=datetime(2026, 5, 1, 10, 0, tzinfo=UTC),
        updated_at=datetime(2026, 5, 1, 10, 1, 3, tzinfo=UTC),
    )

    assert translate.callback(transcription, call_transcript()) == documented


def test_a_request_as_the_client_library_sends_it_is_understood() -> None:
    asked = reading.asked(example("url_request"))

    assert asked.configuration_id is not None
    assert twilio.typeid(CONFIGURATION, asked.configuration_id) == asked.configuration_spelling
    assert asked.url == "https://example.com/audio/recording.wav"
    assert asked.audio_started_at == datetime(2026, 3, 10, 19, 42, 16, tzinfo=UTC)
    assert asked.participants == (JANE, SMITH)


@pytest.mark.parametrize(
    ("kind", "fault", "code"),
    [
        ("fetch", FetchFault.UNRESOLVED, 17550),
        ("fetch", FetchFault.TIMED_OUT, 17551),
        ("fetch", FetchFault.NOT_FOUND, 17552),
        ("fetch", FetchFault.NOT_AUTHORIZED, 17553),
        ("source", SourceFault.TOO_SHORT, 17554),
        ("source", SourceFault.TOO_LONG, 17555),
        ("source", SourceFault.FORMAT_NOT_ALLOWED, 17556),
        ("source", SourceFault.RATE_TOO_LOW, 17557),
        ("source", SourceFault.CORRUPT, 17558),
        ("source", SourceFault.TOO_MANY_CHANNELS, 17559),
        ("fetch", FetchFault.TOO_LARGE, 17560),
        ("engine", "crashed", 17561),
        ("missing", "missing", 17552),
        ("internal", "lost", 17561),
    ],
)
def test_every_fault_has_its_number(kind: str, fault: str, code: int) -> None:
    assert translate.code_of(Fault(kind, fault, "It went wrong.")) == code


def test_every_title_has_the_length_that_the_schema_asks_for() -> None:
    assert all(16 <= len(title) <= 128 for title in TITLES.values())


@pytest.mark.parametrize(
    ("direction", "addresses"),
    [(Direction.INBOUND, ["+61200000001", "+61200000002"]), (Direction.OUTBOUND, ["+61200000002", "+61200000001"])],
)
def test_the_first_leg_of_a_call_is_on_channel_one(direction: Direction, addresses: list[str]) -> None:
    now = datetime.now(UTC)
    call = Call(UUID(int=1), UUID(int=2), direction, "+61200000001", "+61200000002", now)

    found = reading.completed((), DEFAULTS, call)

    assert [each.address for each in found] == addresses
    assert [each.role for each in found] == ["CUSTOMER", "HUMAN_AGENT"]


def test_what_the_client_says_of_a_participant_wins() -> None:
    call = Call(UUID(int=1), UUID(int=2), Direction.INBOUND, "+61200000001", None, datetime.now(UTC))
    given = (Participant(0, "AI_AGENT", "bot", "Robo"), Participant(1, None, None, "Sam"))

    found = reading.completed(given, DEFAULTS, call)

    assert found == (Participant(0, "AI_AGENT", "bot", "Robo"), Participant(1, "HUMAN_AGENT", None, "Sam"))


@pytest.mark.parametrize("ms", [(0, 0), (499, 0), (500, 1), (62_400, 62), (62_500, 63)])
def test_durations_are_rounded_to_whole_seconds(ms: tuple[int, int]) -> None:
    assert translate.seconds(ms[0]) == ms[1]


def test_conversation_ids_of_the_documentation_are_read_and_written_alike() -> None:
    spelling = example("fetched")["transcription"]["conversationId"]
    found = twilio.from_typeid(CONVERSATION, spelling)

    assert found is not None
    assert twilio.typeid(CONVERSATION, found) == spelling
