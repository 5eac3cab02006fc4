"""The durable job behind every transcription: fetch, prepare, recognise, who spoke, finish.

Each step may run twice; the second run changes nothing. Recognition remembers every piece that is done, so a job
that was killed goes on where it was and repeats at most the pieces in flight.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.audio.spool import SpoolReader
from polyscribe.domain.errors import EngineFailed, Failed, FetchFailed, NotFound, Refused, SourceFailed
from polyscribe.domain.transcript import Transcript, Turn
from polyscribe.domain.transcription import FINAL, Fault, Status, Transcription, moved
from polyscribe.pipeline.assemble import assemble
from polyscribe.pipeline.recording import PieceResult, Tracks, recognise
from polyscribe.pipeline.segments import Piece, Plan
from polyscribe.ports import Diarizer, Engine, Steps
from polyscribe.services import media, notices
from polyscribe.services.app import App, choose_engine
from polyscribe.services.recognition import in_order
from polyscribe.storage import conversations, transcriptions, transcripts
from polyscribe.storage.conversations import Conversation
from polyscribe.telemetry import emit

IN_FLIGHT = 2
"""Pieces of one job that are recognised at once. A piece is at most 30 s, so a kill repeats at most 60 s."""

PIECES_PER_STEP = 40
"""After so many the job engine is told how far we are; between two steps a process that is to end lets the job go."""

TENTHS = 10
"""How often progress is told of."""


class Stopped(Exception):
    """The transcription was called off or deleted, or ended elsewhere: nothing more is to be done."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker has beyond an App: recognisers, and the threads on which they run.

    `engine` and `diarizer` load on first use and are safe to call from any thread; the threads of `slots` bound
    how many recognitions run at once. Once `ending` is set no further piece is begun.
    """

    engine: Callable[[str], Engine]
    diarizer: Callable[[], Diarizer]
    slots: Executor
    ending: threading.Event = field(default_factory=threading.Event)


async def transcribe(app: App, room: Room, steps: Steps, key: str) -> None:
    """The flow for one transcription id."""
    try:
        if not await steps.run("begin", begin, app, key):
            return
        await steps.run("fetch", _unless_stopped, _fetch, app, key)
        await steps.run("prepare", _unless_stopped, _prepare, app, room, key)
        while not await steps.run("recognise", _unless_stopped, _recognise, app, room, key):
            pass
        await steps.run("diarize", _unless_stopped, _diarize, app, room, key)
        await steps.run("finish", _unless_stopped, _finish, app, key)
    except (Failed, Refused) as error:
        await steps.run("fail", _fail, app, key, _fault(error))
    await steps.run("tidy", _tidy, app, key)


def begin(app: App, key: str) -> bool:
    """Whether there is anything to do; the transcription is being worked on from now."""
    with app.database.transaction() as tx:
        found = transcriptions.by_id(tx, UUID(key))
        if found is None or found.status in FINAL:
            return False
        if found.status is Status.WAITING:
            transcriptions.save(tx, moved(found, Status.WORKING, app.now()), Status.WAITING)
    emit("transcription_began", transcription=key)
    return True


def lose(app: App, key: str) -> None:
    """The job engine gave the job up (it killed its workers, say): the transcription failed."""
    _fail(app, key, {"kind": "internal", "fault": "lost", "message": "The work could not be completed."})


def _unless_stopped(work: Callable[..., bool | None], *args: Any) -> bool:
    """What `work` says of being finished (None: it is). Nothing more is to be done where it finds itself stopped."""
    try:
        return work(*args) is not False
    except Stopped:
        emit("transcription_stopped")
        return True


def _fetch(app: App, key: str) -> None:
    media.fetch(app, _working(app, key))


def _prepare(app: App, room: Room, key: str) -> None:
    """Decode, find speech, plan the pieces. Done before means: the plan is written down and the sound is here."""
    transcription = _working(app, key)
    plan = room.slots.submit(media.prepare, app, transcription).result()
    with app.database.transaction() as tx:
        current = transcriptions.by_id(tx, transcription.id)
        if current is None or current.status is not Status.WORKING:
            return
        transcriptions.note(tx, transcription.id, plan=plan.to_json())
        transcriptions.save(tx, replace(current, duration_ms=plan.duration_ms), Status.WORKING)


def _recognise(app: App, room: Room, key: str) -> bool:
    """Some of the pieces that are left; whether none is left now."""
    transcription = _working(app, key)
    plan = _plan(app, transcription)
    with app.database.reading() as tx:
        done = transcriptions.piece_numbers(tx, transcription.id)
    left = [piece for piece in plan.pieces if piece.number not in done]
    if not left:
        return True
    engine = room.engine(choose_engine(app, transcription.wanted.engine, transcription.wanted.language))
    finished = len(done)
    with media.sound(app, transcription) as sound:
        heard = partial(_heard, sound, plan, engine, transcription)
        now = in_order(room.slots, left[:PIECES_PER_STEP], heard, IN_FLIGHT, room.ending.is_set)
        with closing(now) as results:
            for piece, result in results:
                before, finished = finished, finished + 1
                done_ms = plan.duration_ms * finished // len(plan.pieces)
                with app.database.transaction() as tx:
                    if not transcriptions.put_piece(tx, transcription.id, piece.number, result.to_json(), done_ms):
                        raise Stopped
                if before * TENTHS // len(plan.pieces) != finished * TENTHS // len(plan.pieces):
                    emit("transcription_progress", transcription=key, done_ms=done_ms, audio_ms=plan.duration_ms)
    return finished == len(plan.pieces)


def _heard(sound: SpoolReader, plan: Plan, engine: Engine, transcription: Transcription, piece: Piece) -> PieceResult:
    began_s = time.thread_time()
    result = recognise(sound, piece, plan, engine, transcription.wanted.language)
    emit("piece_recognised", transcription=str(transcription.id), cpu_s=round(time.thread_time() - began_s, 4))
    return result


def _diarize(app: App, room: Room, key: str) -> None:
    transcription = _working(app, key)
    if not transcription.wanted.diarize:
        return
    plan = _plan(app, transcription)
    if len(plan.channels) != 1:
        return
    diarizer = room.diarizer()
    with media.sound(app, transcription) as sound:
        track = Tracks(sound, plan.channels)
        turns = room.slots.submit(diarizer.turns, track, 0, transcription.wanted.speakers).result()
    with app.database.transaction() as tx:
        lines = [[turn.start_ms, turn.end_ms, turn.speaker] for turn in turns]
        transcriptions.note(tx, transcription.id, turns=lines)


def _finish(app: App, key: str) -> None:
    transcription = _working(app, key)
    with app.database.reading() as tx:
        work = transcriptions.work_of(tx, transcription.id)
        results = [PieceResult.from_json(dict(each)) for each in transcriptions.piece_results(tx, transcription.id)]
    transcript = assemble(
        _plan(app, transcription),
        results,
        language=transcription.wanted.language or "en",
        engine=choose_engine(app, transcription.wanted.engine, transcription.wanted.language),
        turns=None if work.turns is None else [Turn(*line) for line in work.turns],
    )
    done = moved(replace(transcription, done_ms=transcript.duration_ms), Status.DONE, app.now())
    done = replace(done, duration_ms=transcript.duration_ms)
    _conclude(app, done, transcript)
    emit("transcription_done", transcription=key, audio_ms=transcript.duration_ms)


def _fail(app: App, key: str, fault: Mapping[str, str]) -> None:
    with app.database.reading() as tx:
        found = transcriptions.by_id(tx, UUID(key))
    if found is None or found.status in FINAL:
        return
    failed = moved(replace(found, fault=Fault(**fault)), Status.FAILED, app.now())
    _conclude(app, failed, None)
    emit("transcription_failed", transcription=key, kind=fault["kind"], fault=fault["fault"])


def _conclude(app: App, ended: Transcription, transcript: Transcript | None) -> None:
    """State, transcript, conversation and notices in one transaction, unless it has ended in the meantime."""
    face = app.faces[ended.api]
    kept = None if transcript is None else face.conversation(ended)
    to_tell = face.notices(ended, transcript)
    with app.database.transaction() as tx:
        now = transcriptions.by_id(tx, ended.id)
        if now is None or now.status in FINAL or not transcriptions.save(tx, ended, now.status):
            return
        if transcript is not None:
            transcripts.replace(tx, ended.id, transcript)
        if kept is not None:
            _keep(app, tx, ended, kept)
        transcriptions.drop_pieces(tx, ended.id)
        transcriptions.note(tx, ended.id, plan=None, turns=None)
        notices.enqueue(app, tx, ended, to_tell)


def _keep(app: App, tx: sa.Connection, ended: Transcription, kept: Mapping[str, Any]) -> None:
    conversations.insert(tx, Conversation(app.new_id(), ended.account_id, ended.id, kept, app.now()))


def _tidy(app: App, key: str) -> None:
    for path in media.spool_files(app, key):
        path.unlink(missing_ok=True)


def _working(app: App, key: str) -> Transcription:
    """Raises Stopped when it is not being worked on any more."""
    with app.database.reading() as tx:
        found = transcriptions.by_id(tx, UUID(key))
    if found is None or found.status is not Status.WORKING:
        raise Stopped
    return found


def _plan(app: App, transcription: Transcription) -> Plan:
    with app.database.reading() as tx:
        plan = transcriptions.work_of(tx, transcription.id).plan
    if plan is None:
        raise Stopped
    return Plan.from_json(dict(plan))


def _fault(error: Failed | Refused) -> dict[str, str]:
    """How an error is remembered: which branch of the tree, which fault of it, and its sentence."""
    kinds: Sequence[tuple[type[Exception], str]] = (
        (FetchFailed, "fetch"),
        (SourceFailed, "source"),
        (EngineFailed, "engine"),
        (NotFound, "missing"),
        (Refused, "refused"),
    )
    kind = next((name for type_, name in kinds if isinstance(error, type_)), "internal")
    return {"kind": kind, "fault": str(getattr(error, "fault", kind)), "message": error.message}
