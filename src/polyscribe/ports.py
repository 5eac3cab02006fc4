"""Protocols for what has several implementations. Work knows these; only wiring knows who stands behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyscribe.domain.transcript import Turn, Word

SAMPLE_RATE_HZ = 16_000
"""The one rate at which sound travels inside the engine room."""

Samples = NDArray[np.float32]
"""Mono sound at SAMPLE_RATE_HZ, shape (n,), full scale −1 … 1."""


class Sound(Protocol):
    """Decoded audio with random access, too long to hold in memory."""

    channels: int
    length: int
    """Frames at SAMPLE_RATE_HZ."""

    def read(self, channel: int, start: int, stop: int) -> Samples:
        """Samples `start` up to `stop` of one channel; positions outside the sound are cut off."""
        ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine declares; the shared suite holds it to it. Languages are primary subtags such as `en`."""

    languages: frozenset[str]
    words: bool
    confidence: bool
    streaming: bool
    diarization: bool
    licence: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine heard in one clip. Times are milliseconds from the start of the clip.

    `text` empty means: no words here. `readable` False means that the engine itself does not believe what it
    wrote (another language, noise); the text is then kept out of the transcript.
    """

    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    readable: bool = True


class Engine(Protocol):
    """A loaded recogniser. One call at a time per instance; instances share nothing that a call changes."""

    name: str
    abilities: Abilities

    def recognise(self, clips: Sequence[Samples], language: str | None) -> list[Heard]:
        """What is said in each clip (at most 30 s each), in the same order.

        Raises:
            EngineFailed: the language is not one of ours, or the model gave up.
        """
        ...


class Diarizer(Protocol):
    """Tells speakers of one channel apart."""

    name: str

    def turns(self, sound: Sound, channel: int, speakers: int | None) -> list[Turn]:
        """Who speaks when, in order of start; `speakers` is their number when it is known.

        Raises:
            EngineFailed: the model gave up.
        """
        ...


class BlobStore(Protocol):
    """Bytes under keys; a key is written once and found again until it is deleted."""

    def put_file(self, key: str, path: Path) -> None: ...

    def put(self, key: str, data: bytes) -> None: ...

    def get_file(self, key: str, path: Path) -> None:
        """Copy the blob to `path` (in pieces, never whole in memory). Raises NotFound."""
        ...

    def size(self, key: str) -> int:
        """Bytes. Raises NotFound."""
        ...

    def read(self, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes `start` up to `stop`, in pieces of at most 1 MiB. Raises NotFound."""
        ...

    def delete(self, key: str) -> None:
        """Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came from an address; the bytes are in the file that the caller named."""

    size_bytes: int
    sha256: str
    media_type: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook's receiver answered."""

    status: int


class Outbound(Protocol):
    """The one door to addresses that customers gave us."""

    def fetch(
        self,
        url: str,
        into: Path,
        *,
        max_bytes: int,
        allow_http: bool = False,
        basic_auth: tuple[str, str] | None = None,
        still_wanted: Callable[[], bool] | None = None,
    ) -> Fetched:
        """Stream the content to `into` (resuming after a dropped connection), blocking.

        Raises:
            FetchFailed: with the fault; the partial file is removed.
        """
        ...

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes,
        timeout_s: float = 15.0,
        allow_http: bool = False,
    ) -> Answer:
        """One request of a webhook, blocking; redirects are not followed. Any HTTP status is an answer.

        Raises:
            FetchFailed: there was no answer (address refused, unresolved, connection lost, timed out).
        """
        ...


class Steps(Protocol):
    """Checkpoints of one durable job. A step that finished is not run again when the job resumes."""

    async def run(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """Run blocking `work` in a thread once; its result (small JSON) is remembered.

        Failures that are `retryable` are retried with backoff; others are raised here.
        """
        ...


Flow = Callable[[Steps, str], Awaitable[None]]
"""A durable job: what to do for one key."""


class Queue(Protocol):
    """Where durable jobs are put, in the same transaction as the row that they are for."""

    def put(
        self,
        transaction: Any,
        flow: str,
        key: str,
        *,
        tenant: str,
        wait_s: float = 0.0,
        priority: int = 10,
    ) -> None:
        """Run `flow` for `key`, at least once, after `wait_s`. The same flow and key twice is one job.

        `transaction` is the open transaction of the database; nothing is queued if it is rolled back.
        """
        ...

    def cancel(self, flow: str, key: str) -> None:
        """Stop the job at its next checkpoint. Idempotent; unknown and finished jobs are left alone."""
        ...
