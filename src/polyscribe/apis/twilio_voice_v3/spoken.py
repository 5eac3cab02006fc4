"""A stored transcript as Conversations v2 writes it: the conversation, who took part, what was said. Pure (§10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from polyscribe.apis.twilio_voice_v3.translate import id_of, source_of
from polyscribe.apis.twilio_voice_v3.wire import COMMUNICATION, CONVERSATION, PARTICIPANT, Json
from polyscribe.domain.transcript import Segment
from polyscribe.domain.transcription import Participant, Transcription
from polyscribe.services.access import twilio_account_sid
from polyscribe.services.transcriptions import Conversation
from polyscribe.web import twilio

NUMBER_BITS = 32


@dataclass(frozen=True, slots=True)
class Spoken:
    """A conversation, the transcription that it was made of, and the call behind it, if one is known."""

    conversation: Conversation
    transcription: Transcription
    call_id: UUID | None

    @property
    def id(self) -> str:
        return twilio.typeid(CONVERSATION, self.conversation.id)

    @property
    def channel_id(self) -> str:
        """What the conversation took place on: the call, else its recording, else our own transcription."""
        if self.call_id is not None:
            return twilio.sid("CA", self.call_id)
        return source_of(self.transcription) or id_of(self.transcription)

    @property
    def started_at(self) -> datetime:
        """When the audio began; where nobody said, when the transcription was asked for."""
        return self.transcription.audio_started_at or self.transcription.created_at


def summary(found: Conversation) -> Json:
    """A conversation as it is, nothing of its content."""
    return {
        "id": twilio.typeid(CONVERSATION, found.id),
        "accountId": twilio_account_sid(found.account_id),
        "configurationId": found.wire["configurationId"],
        "status": "CLOSED",
        "name": None,
        "createdAt": twilio.instant(found.created_at),
        "updatedAt": twilio.instant(found.created_at),
    }


def conversation(found: Spoken) -> Json:
    return summary(found.conversation) | {"participants": participants(found)}


def participants(found: Spoken) -> list[Json]:
    return [_participant(found, each) for each in found.transcription.participants]


def communication(found: Spoken, number: int, segment: Segment) -> Json:
    """One utterance. `number` counts over the whole conversation from 0."""
    created_at = twilio.instant(found.conversation.created_at)
    return {
        "id": twilio.typeid(COMMUNICATION, communication_id(found.conversation.id, number)),
        "conversationId": found.id,
        "accountId": twilio_account_sid(found.conversation.account_id),
        "author": _party(found, segment.channel),
        "content": {
            "type": "TRANSCRIPTION",
            "text": segment.text,
            "transcription": {
                "channel": segment.channel,
                "confidence": segment.confidence,
                "engine": found.transcription.wire["resolvedConfiguration"]["transcriptionEngine"],
                "words": [
                    {"text": each.text, "startTime": _at(found, each.start_ms), "endTime": _at(found, each.end_ms)}
                    for each in segment.words
                ],
            },
        },
        "channelId": found.channel_id,
        "resourceId": f"{id_of(found.transcription)}_{number}",
        "recipients": [
            _party(found, each.channel) | {"deliveryStatus": "DELIVERED"}
            for each in found.transcription.participants
            if each.channel != segment.channel
        ],
        "createdAt": created_at,
        "updatedAt": created_at,
        "occurredAt": twilio.instant(found.started_at + timedelta(milliseconds=segment.start_ms)),
    }


def communication_id(conversation_id: UUID, number: int) -> UUID:
    """96 bits that belong to the conversation, then the number: an id that needs no table."""
    return UUID(int=_stem(conversation_id) << NUMBER_BITS | number)


def number_of(conversation_id: UUID, own: UUID) -> int | None:
    """`number_of(c, communication_id(c, n)) == n`; None for a communication of another conversation."""
    return own.int & (1 << NUMBER_BITS) - 1 if own.int >> NUMBER_BITS == _stem(conversation_id) else None


def _stem(conversation_id: UUID) -> int:
    return uuid5(conversation_id, "communications").int >> NUMBER_BITS


def _participant(found: Spoken, each: Participant) -> Json:
    created_at = twilio.instant(found.conversation.created_at)
    return {
        "id": _participant_id(found, each.channel),
        "conversationId": found.id,
        "accountId": twilio_account_sid(found.conversation.account_id),
        "name": each.name,
        "type": each.role or "UNKNOWN",
        "addresses": []
        if each.address is None
        else [{"channel": "VOICE", "address": each.address, "channelId": found.channel_id}],
        "createdAt": created_at,
        "updatedAt": created_at,
    }


def _party(found: Spoken, channel: int) -> Json:
    address = next((each.address for each in found.transcription.participants if each.channel == channel), None)
    return {"address": address, "channel": "VOICE", "participantId": _participant_id(found, channel)}


def _participant_id(found: Spoken, channel: int) -> str:
    return twilio.typeid(PARTICIPANT, uuid5(found.conversation.id, f"participant {channel}"))


def _at(found: Spoken, ms: int) -> str:
    return twilio.instant_ms(found.started_at + timedelta(milliseconds=ms))
