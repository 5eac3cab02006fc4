"""Fakes for the ports, and an application built from them: for our own tests and for those of plug-ins.

The database and the blob store are real ones in a folder of the test; time stands still unless it is moved.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from polyscribe.domain.errors import EngineFailed, EngineFault, Failed, FetchFailed, FetchFault
from polyscribe.domain.transcript import Turn, Word
from polyscribe.ports import SAMPLE_RATE_HZ, Abilities, Answer, Fetched, Flow, Heard, Samples, Sound
from polyscribe.services.app import App, Face
from polyscribe.services.sealing import Sealer
from polyscribe.storage.blobs_local import LocalBlobs
from polyscribe.storage.database import Database, upgrade

START = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
ATTEMPTS = 3


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Randomness:
    """Bytes that look random and are the same in every run."""

    def __init__(self, seed: str = "polyscribe") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed} {self._count}".encode()).digest(size)


@dataclass
class Put:
    """A job that waits in a FakeQueue."""

    flow: str
    key: str
    tenant: str
    wait_s: float
    priority: int


class FakeQueue:
    """Jobs are kept in a list and run when the test says so; a transaction that fails takes its jobs along."""

    def __init__(self) -> None:
        self.jobs: list[Put] = []
        self.seen: set[tuple[str, str]] = set()
        self.canceled: list[tuple[str, str]] = []

    def put(
        self, transaction: Any, flow: str, key: str, *, tenant: str, wait_s: float = 0.0, priority: int = 10
    ) -> None:
        if (flow, key) in self.seen:
            return
        job = Put(flow, key, tenant, wait_s, priority)
        self.seen.add((flow, key))
        self.jobs.append(job)

        def take_back(_connection: sa.Connection) -> None:
            if job in self.jobs:
                self.jobs.remove(job)
                self.seen.discard((flow, key))

        sa.event.listen(transaction, "rollback", take_back)
        sa.event.listen(transaction, "commit", lambda c: sa.event.remove(c, "rollback", take_back), once=True)

    def cancel(self, flow: str, key: str) -> None:
        self.canceled.append((flow, key))
        self.jobs = [job for job in self.jobs if (job.flow, job.key) != (flow, key)]

    def run(self, flows: Mapping[str, Flow], clock: Clock | None = None, limit: int = 100) -> list[Put]:
        """Run what waits, and what that puts, moving the clock over the waits; what was run, in order."""
        done: list[Put] = []
        while self.jobs and len(done) < limit:
            job = self.jobs.pop(0)
            if clock is not None:
                clock.forward(job.wait_s)
            asyncio.run(_flow(flows[job.flow], job.key))
            done.append(job)
        return done


async def _flow(flow: Flow, key: str) -> None:
    await flow(FakeSteps(), key)


class FakeSteps:
    """Steps that remember results as JSON, as the real ones do, and retry what is retryable without waiting."""

    def __init__(self, remembered: dict[str, str] | None = None) -> None:
        self.remembered = {} if remembered is None else remembered

    async def run(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        if name not in self.remembered:
            self.remembered[name] = json.dumps(await asyncio.to_thread(_tried, work, args))
        return json.loads(self.remembered[name])


def _tried(work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    for attempt in range(ATTEMPTS):
        try:
            return work(*args)
        except Failed as error:
            if not error.retryable or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


@dataclass
class Sent:
    """A request that went out through a FakeOutbound."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeOutbound:
    """Addresses that are files (or errors), and receivers that answer what the test says (200 by default)."""

    files: dict[str, Path | Failed] = field(default_factory=dict)
    answers: list[int | Failed] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    fetched: list[tuple[str, tuple[str, str] | None]] = field(default_factory=list)

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
        self.fetched.append((url, basic_auth))
        found = self.files.get(url, FetchFailed(FetchFault.NOT_FOUND, "The media host answered 404.", 404))
        if isinstance(found, Failed):
            raise found
        if found.stat().st_size > max_bytes:
            raise FetchFailed(FetchFault.TOO_LARGE, f"The media is larger than {max_bytes} bytes.")
        shutil.copyfile(found, into)
        data = found.read_bytes()
        return Fetched(len(data), hashlib.sha256(data).hexdigest(), "audio/x-wav")

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
        self.sent.append(Sent(method, url, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Failed):
            raise answer
        return Answer(answer)


ENGLISH = Abilities(
    languages=frozenset({"en"}), words=True, confidence=True, streaming=False, diarization=False, licence="none"
)


class FakeEngine:
    """Hears one word in every whole second of a clip: `word1 word2 …`, each half a second long."""

    name = "fake"
    abilities = ENGLISH

    def __init__(self) -> None:
        self.calls = 0

    def recognise(self, clips: Sequence[Samples], language: str | None) -> list[Heard]:
        self.calls += 1
        if language is not None and not language.lower().startswith("en"):
            raise EngineFailed(EngineFault.LANGUAGE_UNSUPPORTED, "The fake recogniser knows English only.")
        return [self._heard(len(clip) // SAMPLE_RATE_HZ) for clip in clips]

    def _heard(self, seconds: int) -> Heard:
        words = tuple(Word(f"word{n + 1}", n * 1000, n * 1000 + 500, 0.9) for n in range(seconds))
        return Heard(" ".join(word.text for word in words), words, 0.9 if words else None)


class FakeEngines:
    """The fake recogniser is the only one that is installed."""

    def abilities(self) -> Mapping[str, Abilities]:
        return {"fake": ENGLISH}


class FakeDiarizer:
    """Two people who take turns every two seconds."""

    name = "fake"

    def turns(self, sound: Sound, channel: int, speakers: int | None) -> list[Turn]:
        end_ms = sound.length * 1000 // SAMPLE_RATE_HZ
        starts = range(0, end_ms, 2000)
        return [Turn(at, min(at + 2000, end_ms), at // 2000 % (speakers or 2)) for at in starts]


def app(folder: Path, faces: Mapping[str, Face] | None = None, **changes: Any) -> App:
    """An application on SQLite in `folder`, with fakes at the ports; `changes` replace fields of the App."""
    database = Database(f"sqlite:///{folder / 'polyscribe.db'}")
    upgrade(database)
    fields: dict[str, Any] = {
        "database": database,
        "blobs": LocalBlobs(folder / "blobs"),
        "queue": FakeQueue(),
        "outbound": FakeOutbound(),
        "engines": FakeEngines(),
        "sealer": Sealer("a secret key for tests only"),
        "spool": folder / "spool",
        "faces": faces or {},
        "now": Clock(),
        "randomness": Randomness(),
    }
    return App(**(fields | changes))
