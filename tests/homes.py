"""The whole server in one process, for tests of APIs: real database, services and jobs; fakes for what is outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from starlette.testclient import TestClient

from polyscribe import apis, testing
from polyscribe.domain.account import Account
from polyscribe.domain.recording import Call, Direction, Recording
from polyscribe.domain.transcript import Fate, Segment, Stretch, Transcript, Word
from polyscribe.domain.transcription import Fault, Status, Transcription, moved
from polyscribe.services import access, notices, recordings, transcriptions, work
from polyscribe.services.app import App
from polyscribe.storage import conversations, transcripts
from polyscribe.storage import transcriptions as rows
from polyscribe.storage.conversations import Conversation
from polyscribe.testing import Clock, FakeOutbound, FakeQueue
from polyscribe.web.root import root

BASE = "http://testserver"


@dataclass
class Home:
    """A server, one account of it, and a client that shows the account's credentials."""

    app: App
    client: TestClient
    account: Account
    sid: str
    token: str
    key_sid: str
    key_secret: str

    @property
    def queue(self) -> FakeQueue:
        assert isinstance(self.app.queue, FakeQueue)
        return self.app.queue

    @property
    def outbound(self) -> FakeOutbound:
        assert isinstance(self.app.outbound, FakeOutbound)
        return self.app.outbound

    @property
    def clock(self) -> Clock:
        assert isinstance(self.app.now, Clock)
        return self.app.now

    def stranger(self) -> tuple[str, str]:
        """Credentials of another account of the same server."""
        _, issued = access.create_account(self.app, f"Not {self.account.name}")
        return issued[0].credential.lookup, issued[0].secret

    def end(self, found: Transcription, transcript: Transcript | None, fault: Fault | None = None) -> Transcription:
        """Let the job of a transcription end as it would, without recognising anything."""
        if found.status is Status.WAITING:
            work.begin(self.app, str(found.id))
            found = transcriptions.find(self.app, found.account_id, found.api, found.id)
        if fault is not None:
            ended = moved(replace(found, fault=fault), Status.FAILED, self.app.now())
        else:
            assert transcript is not None
            ended = replace(moved(found, Status.DONE, self.app.now()), duration_ms=transcript.duration_ms)
        face = self.app.faces[found.api]
        kept = None if transcript is None else face.conversation(ended)
        with self.app.database.transaction() as tx:
            assert rows.save(tx, ended, found.status)
            if transcript is not None:
                transcripts.replace(tx, ended.id, transcript)
            if kept is not None:
                kept_as = Conversation(self.app.new_id(), ended.account_id, ended.id, kept, self.app.now())
                conversations.insert(tx, kept_as)
            notices.enqueue(self.app, tx, ended, face.notices(ended, transcript))
        self.queue.jobs = [job for job in self.queue.jobs if job.key != str(found.id)]
        return ended

    def work(self) -> None:
        """Do all jobs that wait, with the fake recogniser."""
        with ThreadPoolExecutor(2) as slots:
            room = work.Room(lambda _: testing.FakeEngine(), testing.FakeDiarizer, slots)
            flows: dict[str, Any] = {
                transcriptions.FLOW: partial(work.transcribe, self.app, room),
                notices.FLOW: partial(notices.notify, self.app),
            }
            self.queue.run(flows)

    def tell(self) -> None:
        """Send what waits to be sent."""
        self.queue.run({notices.FLOW: partial(notices.notify, self.app)}, self.clock)


@contextmanager
def house(folder: Path, *, strict_limits: bool = False, **changes: Any) -> Iterator[Callable[[], Home]]:
    """A server in `folder`; each call gives a home in it, with an account of its own and nothing left over outside.

    `changes` replace fields of the App.
    """
    found = apis.found(strict_limits)
    faces = {api.name: api.face for api in found if api.face is not None}
    app = testing.app(folder, faces, **changes)
    application = root(app, found, checks={}, metrics=lambda: "")
    numbers = itertools.count(1)
    with TestClient(application, BASE, raise_server_exceptions=False) as client:

        def move_in() -> Home:
            made = _home(app, client, f"Acme {next(numbers)}")
            made.queue.jobs.clear()
            made.outbound.files.clear()
            made.outbound.answers.clear()
            made.outbound.sent.clear()
            made.outbound.fetched.clear()
            made.clock.at = testing.START
            return made

        yield move_in
    app.database.close()


@contextmanager
def home(folder: Path, *, strict_limits: bool = False, **changes: Any) -> Iterator[Home]:
    """A server in `folder` for one account."""
    with house(folder, strict_limits=strict_limits, **changes) as move_in:
        yield move_in()


def _home(app: App, client: TestClient, name: str) -> Home:
    account, issued = access.create_account(app, name)
    secrets = {each.credential.kind: each for each in issued}
    token, key = secrets[access.TWILIO_TOKEN], secrets[access.TWILIO_KEY]
    client.auth = (token.credential.lookup, token.secret)
    return Home(app, client, account, token.credential.lookup, token.secret, key.credential.lookup, key.secret)


def keep(at: Home, audio: Path, *, seconds: int = 30, channels: int = 2, **fields: Any) -> tuple[UUID, UUID]:
    """A recording of an inbound call in the own store; its id and that of the call."""
    owner, now = at.account.id, at.clock()
    call = Call(at.app.new_id(), owner, Direction.INBOUND, "+61255501234", "+61255505678", now, seconds * 1000)
    recording = Recording(
        id=at.app.new_id(),
        account_id=owner,
        blob_key=None,
        media_type="audio/x-wav",
        size_bytes=0,
        sha256="",
        duration_ms=seconds * 1000,
        channels=channels,
        started_at=now,
        created_at=now,
        call_id=call.id,
    )
    recordings.take_in(at.app, replace(recording, **fields), audio, call)
    return recording.id, call.id


def call_transcript() -> Transcript:
    """Two people, one sentence each."""
    hello = Word("Good", 420, 700, 0.98), Word("morning.", 700, 2100, 0.96)
    answer = Word("Hello.", 2400, 2900, 0.91)
    segments = (
        Segment(1, 420, 2100, "Good morning.", hello, 0.97),
        Segment(0, 2400, 2900, "Hello.", (answer,), 0.91),
    )
    stretches = tuple(Stretch(channel, 0, 62_000, Fate.RECOGNISED) for channel in range(2))
    return Transcript(62_000, 2, "en-US", "fake", segments, stretches)
