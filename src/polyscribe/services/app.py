"""What the verbs need to do their work, handed to each of them as one value. Built by wiring, changed by nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from polyscribe.delivery.schedule import Schedule
from polyscribe.domain import ids
from polyscribe.domain.delivery import Delivery, Notice
from polyscribe.domain.errors import Unavailable
from polyscribe.domain.transcript import Transcript
from polyscribe.domain.transcription import Limits, Transcription
from polyscribe.ports import Abilities, BlobStore, Outbound, Queue
from polyscribe.services.sealing import Sealer
from polyscribe.storage.database import Database


@dataclass(frozen=True, slots=True)
class Face:
    """What an API tells the engine room about itself: its limits, and how its customers are told of an end.

    `notices` gives what is to be sent when a transcription ends (transcript None when it failed). `sign` turns a
    delivery and the secret of `signing_kind` into the address and the headers of one request. `conversation`
    gives what is kept of a finished transcription under a name of its own, or None.
    """

    name: str
    limits: Limits
    schedule: Schedule
    notices: Callable[[Transcription, Transcript | None], list[Notice]]
    sign: Callable[[Delivery, str | None], tuple[str, dict[str, str]]]
    signing_kind: str | None = None
    allow_http: bool = False
    conversation: Callable[[Transcription], dict[str, object] | None] = lambda _: None


class Engines(Protocol):
    """The recognisers that are installed here."""

    def abilities(self) -> Mapping[str, Abilities]:
        """By name, the one that serves requests without a wish first."""
        ...


@dataclass(frozen=True, slots=True)
class Remote:
    """An upstream that keeps recordings for us: where it is, and the credentials it asks for."""

    base_url: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a verb may use."""

    database: Database
    blobs: BlobStore
    queue: Queue
    outbound: Outbound
    engines: Engines
    sealer: Sealer
    spool: Path
    faces: Mapping[str, Face]
    now: Callable[[], datetime]
    randomness: Callable[[int], bytes]
    public_url: str | None = None
    remotes: Mapping[str, Remote] = field(default_factory=dict)
    retention_audio_h: float = 0
    retention_transcript_h: float = 0

    def new_id(self) -> UUID:
        """A fresh, time-ordered identity."""
        return ids.make(int(self.now().timestamp() * 1000), int.from_bytes(self.randomness(10), "big"))


def choose_engine(app: App, name: str | None, language: str | None) -> str:
    """The engine that will do the work.

    Raises:
        Unavailable: none that is installed knows the language; the message names what to install.
    """
    installed = app.engines.abilities()
    subtag = None if language is None else language.split("-")[0].lower()
    candidates = [name] if name in installed else list(installed)
    for candidate in candidates:
        if subtag is None or subtag in installed[str(candidate)].languages:
            return str(candidate)
    raise Unavailable(
        f"No installed recogniser knows the language {language!r}. "
        "Install a plug-in that does, for instance one over faster-whisper (entry point `polyscribe.engines`)."
    )
