"""The words of Twilio Voice v3 and of the parts of Voice v2 and Conversations v2 that belong to it.

Source: contract "Twilio Voice v3 Batch Transcription" §2–§10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from polyscribe.domain.transcription import Limits, Participant

API_NAME = "twilio_voice_v3"

TRANSCRIPTION = "voice_transcription"
CONFIGURATION = "voice_transcriptionconfiguration"
CONVERSATION = "conv_conversation"
PARTICIPANT = "conv_participant"
COMMUNICATION = "conv_communication"

CONFIGURATION_ID = re.compile(r"voice_transcriptionconfiguration_[0-9a-z]{26}")
CONVERSATION_CONFIGURATION_ID = re.compile(r"conv_configuration_[a-zA-Z0-9]{26}")
RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")

ENGINES = frozenset({"deepgram", "google", "twilio_managed"})
MULTILINGUAL = "multi"
LANGUAGES = frozenset(
    {"en-US", "en-GB", "en-AU", "de-DE", "fr-FR", "it-IT", "es-MX", "es-ES", "es-US", "pt-BR", "pt-PT", "nl-NL"}
    | {"no-NO", "pl-PL", "sv-SE", "da-DK", MULTILINGUAL}
)
ROLES = frozenset({"CUSTOMER", "HUMAN_AGENT", "AI_AGENT"})
SOURCES = frozenset({"SOURCE_ID", "MEDIA_URL"})
CONVERSATION_STATUSES = frozenset({"ACTIVE", "INACTIVE", "CLOSED"})

REQUEST_FIELDS = frozenset(
    {"transcriptionConfigurationId", "inputSource", "sourceId", "mediaUrl", "audioStartedAt", "participants"}
)
PARTICIPANT_FIELDS = frozenset({"audioChannelIndex", "type", "address", "name"})

MAX_BYTES = 3_221_225_472
MAX_MS = 28_800_000
MAX_CALLBACK_BYTES = 1_000_000
LEAST_WORD_BYTES = len('{"word":"","startTimeSeconds":0,"endTimeSeconds":0,"confidence":0},')
MAX_KEY_CHARS = 128
MAX_NAME_CHARS = 255
RETRY_AFTER_S = 5

LIMITS = Limits(max_bytes=MAX_BYTES, max_ms=MAX_MS, min_ms=2000, min_rate_hz=8000)
STRICT_LIMITS = Limits(
    max_bytes=MAX_BYTES, max_ms=MAX_MS, min_ms=2000, min_rate_hz=8000, formats=frozenset({"wav", "mp3", "flac"})
)
"""§8. Twilio's own limits; ours differ in the formats only, because more of them do nobody harm."""

TITLES: Mapping[int, str] = {
    17500: "Media source is missing",
    17501: "Invalid transcription configuration id",
    17502: "Invalid source id",
    17510: "Invalid number of participants",
    17511: "Invalid audio channel index",
    17513: "Duplicate audio channel index",
    17514: "Invalid participant type",
    17517: "Participant address is missing",
    17530: "Transcription configuration not found",
    17533: "Recording cannot be transcribed",
    17550: "Media host does not resolve or is not allowed",
    17551: "Media download failed",
    17552: "Media was not found",
    17553: "Access to the media was denied",
    17554: "Audio is missing or too short",
    17555: "Audio is too long",
    17556: "Media format is not supported",
    17557: "Sample rate is too low",
    17558: "Media is corrupted",
    17559: "Too many audio channels",
    17560: "Media is too large",
    17561: "Transcription failed internally",
    20001: "Invalid parameter in the request",
    20003: "Authentication failed",
    20004: "Method not allowed",
    20403: "Permission is missing",
    20404: "Resource was not found",
    20409: "Conflict with the resource's state",
    20429: "Too many requests",
    20500: "Internal server error",
}
"""Titles of problems: 16 to 128 characters each (§7)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A create request that is well-formed in itself (§4, §11 up to the participants)."""

    configuration_id: UUID | None
    configuration_spelling: str
    url: str | None
    recording_id: UUID | None
    audio_started_at: datetime | None
    participants: tuple[Participant, ...] | None


Json = dict[str, Any]
