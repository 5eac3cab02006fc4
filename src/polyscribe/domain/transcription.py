"""The process that turns a recording into a transcript: its states, and the moves that are allowed between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from polyscribe.domain.errors import Conflict


class Status(StrEnum):
    """Where a transcription stands. The last three are final."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


NEXT: Mapping[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.WORKING, Status.FAILED, Status.CANCELED}),
    Status.WORKING: frozenset({Status.DONE, Status.FAILED, Status.CANCELED}),
    Status.DONE: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}
FINAL = frozenset(status for status, following in NEXT.items() if not following)


class ChannelMode(StrEnum):
    """How the channels of a two-channel file are treated. AUTO splits them unless they carry the same sound."""

    AUTO = "auto"
    MIX = "mix"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the customer asked of the recognition. `language` is a BCP 47 tag, or None for the engine's own."""

    language: str | None = None
    engine: str | None = None
    channels: ChannelMode = ChannelMode.AUTO
    diarize: bool = False
    speakers: int | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """Who is on a channel. `role` is the API's own word for what they are."""

    channel: int
    role: str | None = None
    address: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an API accepts, checked while the media is read. None: no limit."""

    max_bytes: int
    max_ms: int
    min_ms: int = 0
    min_rate_hz: int = 8000
    formats: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a transcription failed: the kind of error (`fetch`, `source`, `engine`, `store`), its fault, a sentence."""

    kind: str
    fault: str
    message: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """One run of the engine room. Either `url` or `recording_id` says where the audio comes from."""

    id: UUID
    account_id: UUID
    api: str
    status: Status
    wanted: Wanted
    created_at: datetime
    updated_at: datetime
    url: str | None = None
    recording_id: UUID | None = None
    configuration_id: UUID | None = None
    participants: tuple[Participant, ...] = ()
    audio_started_at: datetime | None = None
    duration_ms: int | None = None
    done_ms: int = 0
    fault: Fault | None = None
    wire: Mapping[str, Any] = field(default_factory=dict)


def moved(transcription: Transcription, status: Status, at: datetime) -> Transcription:
    """The transcription in its next state.

    Raises:
        Conflict: that move does not exist; final states never change.
    """
    if status not in NEXT[transcription.status]:
        raise Conflict(f"A transcription that is {transcription.status} cannot become {status}.")
    return replace(transcription, status=status, updated_at=at)
