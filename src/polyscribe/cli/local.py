"""Transcribing on this machine without server and database: a source becomes a transcript in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from polyscribe.audio.decode import Block, decode
from polyscribe.audio.spool import SpoolReader
from polyscribe.domain.errors import Unavailable
from polyscribe.outbound import Allowed, Door
from polyscribe.pipeline.assemble import assemble
from polyscribe.pipeline.recording import PieceResult, Tracks, prepare, recognise
from polyscribe.pipeline.segments import Piece, Plan
from polyscribe.services.recognition import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyscribe.domain.transcript import Transcript, Turn
    from polyscribe.domain.transcription import Wanted
    from polyscribe.ports import Engine, Sound
    from polyscribe.services.work import Room
    from polyscribe.settings import Settings

MAX_MS = 7 * 24 * 3600 * 1000
MAX_BYTES = 64 << 30
"""Nobody records longer calls; a file or server that says so is not telling the truth."""

Progress = Callable[[int, int], None]
"""Told how many milliseconds of how many are done."""


class Interrupted(Exception):
    """The operator does not want to go on."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to transcribe here; the engine is loaded on first use and shared by all files."""

    room: Room
    slots: int
    engine: str
    wanted: Wanted
    allowed_private_hosts: str
    interrupted: Event


def models_home(settings: Settings) -> Settings:
    """The settings with a place for prepared models that leaves no data directory in the folder of the user."""
    if "data_dir" in settings.model_fields_set or settings.data_dir.exists():
        return settings
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polyscribe"
    return settings.model_copy(update={"data_dir": cache})


def engine_for(settings: Settings, wanted: Wanted) -> str:
    """The installed engine that knows the language.

    Raises:
        Unavailable: there is none; the message says which languages there are.
    """
    from polyscribe import engines

    found = {name: maker for name, maker in engines.makers().items() if engines.is_installed(maker)}
    named = wanted.engine or (None if settings.engine == "auto" else settings.engine)
    if named is not None and named not in found:
        raise Unavailable(f"There is no engine {named!r} installed. `polyscribe engines` lists them.")
    language = None if wanted.language is None else wanted.language.split("-")[0].lower()
    for name in [named] if named else found:
        if language is None or language in found[name].ABILITIES.languages:
            return name
    raise Unavailable(f"No installed engine knows the language {wanted.language!r}. `polyscribe engines` lists them.")


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def name_of(source: str) -> str:
    """The file name of a path or URL, without its suffix."""
    path = unquote(urlsplit(source).path) if is_url(source) else source
    return Path(path).stem or "recording"


def transcribe(desk: Desk, source: str, progress: Progress) -> Transcript:
    """The transcript of a file or URL.

    Raises:
        FetchFailed, SourceFailed, EngineFailed: it cannot be had, is not audio, or cannot be recognised.
        Interrupted: the event of the desk was set.
    """
    with tempfile.TemporaryDirectory(prefix="polyscribe-") as name, _at_hand(desk, source, Path(name)) as file:
        spool = Path(name) / "sound"
        plan = _prepare(file, spool, desk)
        progress(0, plan.duration_ms)
        engine = desk.room.engine(desk.engine)
        with SpoolReader(spool) as sound:
            results = _recognised(desk, sound, plan, engine, progress)
            is_told_apart = desk.wanted.diarize and len(plan.channels) == 1
            turns = _who_spoke(desk, Tracks(sound, plan.channels)) if is_told_apart else None
    transcript = assemble(plan, results, desk.wanted.language or "en", desk.engine, turns)
    progress(plan.duration_ms, plan.duration_ms)
    return transcript


@contextmanager
def _at_hand(desk: Desk, source: str, folder: Path) -> Iterator[Path]:
    if not is_url(source):
        yield Path(source)
        return
    path = folder / "media"
    door = Door(Allowed.parse(desk.allowed_private_hosts))
    door.fetch(source, path, max_bytes=MAX_BYTES, allow_http=True, still_wanted=lambda: not desk.interrupted.is_set())
    yield path


def _prepare(file: Path, spool: Path, desk: Desk) -> Plan:
    with decode(file, max_ms=MAX_MS) as decoding:
        return prepare(_while_wanted(desk, decoding), spool, desk.wanted.channels, lambda: decoding.summary)


def _while_wanted(desk: Desk, blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if desk.interrupted.is_set():
            raise Interrupted
        yield block


def _who_spoke(desk: Desk, sound: Sound) -> list[Turn]:
    return desk.room.slots.submit(desk.room.diarizer().turns, sound, 0, desk.wanted.speakers).result()


def _recognised(desk: Desk, sound: SpoolReader, plan: Plan, engine: Engine, progress: Progress) -> list[PieceResult]:
    def heard(piece: Piece) -> PieceResult:
        return recognise(sound, piece, plan, engine, desk.wanted.language)

    results: list[PieceResult] = []
    with closing(in_order(desk.room.slots, plan.pieces, heard, desk.slots, desk.interrupted.is_set)) as found:
        for piece, result in found:
            results.append(result)
            progress(max(clip.end_ms for clip in piece.clips), plan.duration_ms)
    if desk.interrupted.is_set():
        raise Interrupted
    return results
