"""`polyscribe transcribe`: files, folders and URLs become transcripts on this machine, without a server."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from polyscribe.cli.options import message_of, settings_of
from polyscribe.domain.errors import BadInput
from polyscribe.domain.transcription import ChannelMode, Wanted

if TYPE_CHECKING:
    from polyscribe.cli.local import Desk
    from polyscribe.cli.reports import Report
    from polyscribe.domain.transcript import Transcript
    from polyscribe.settings import Settings

_PLAIN = {".wav", ".w64", ".aif", ".aiff", ".au", ".caf", ".flac"}
_PACKED = {
    ".mp3",
    ".ogg",
    ".oga",
    ".opus",
    ".webm",
    ".mka",
    ".mkv",
    ".m4a",
    ".mp4",
    ".mov",
    ".3gp",
    ".aac",
    ".ac3",
    ".amr",
}
AUDIO = frozenset(_PLAIN | _PACKED)
"""What is looked for in a folder; a file that is named is tried whatever it is called."""

FOLDER_OUTPUT = "transcripts"
"""Where the transcripts of a folder go when no other place is named: into it, but never over files that lie there."""


@dataclass(frozen=True, slots=True)
class Task:
    """One source, and the files that its transcript is to be written to (none: it is shown)."""

    source: str
    outputs: tuple[Path, ...]

    def is_done(self) -> bool:
        """Whether a run before this one wrote all outputs after the source last changed."""
        if not self.outputs or not all(path.exists() for path in self.outputs):
            return False
        changed = Path(self.source).stat().st_mtime if Path(self.source).exists() else 0
        return all(path.stat().st_mtime >= changed for path in self.outputs)


def transcribe(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="FILE|FOLDER|URL...", help="What to transcribe.")],
    form: Annotated[
        str | None, typer.Option("--format", help="txt, json, srt, vtt; several with commas between. [default: txt]")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the transcripts. Without it they are printed, those of a FOLDER written into "
                     f"FOLDER/{FOLDER_OUTPUT}."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language spoken, such as en or en-GB.")] = None,
    engine: Annotated[str | None, typer.Option(help="Recogniser; `polyscribe engines` lists them.")] = None,
    diarize: Annotated[bool, typer.Option(help="Tell the speakers of a mono recording apart.")] = False,
    channels: Annotated[
        ChannelMode, typer.Option(help="split: each channel is a speaker; mix: they are one sound; auto: by ear.")
    ] = ChannelMode.AUTO,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what a run before finished.")] = False,
) -> None:  # fmt: skip
    """Transcribe files, folders and URLs on this machine; no server is needed.

    On a terminal there is a progress bar and the text. In a pipe there are JSON lines, or what --format names.
    Transcripts in files appear whole or not at all; a run that was stopped goes on with the next file.
    """
    forms = _forms(form)
    tasks = plan(sources, forms, output)
    settings = settings_of(context)
    with _desk(settings, Wanted(language, engine, channels, diarize)) as desk:
        failed = _run(desk, tasks, forms, overwrite, is_printing=form is not None)
    if failed:
        raise typer.Exit(1)


def plan(sources: Sequence[str], forms: Sequence[str], output: Path | None) -> list[Task]:
    """What is to be done, folders opened up, in the order of the sources and of names.

    Raises:
        BadInput: a source is not there, or a folder has no audio in it.
    """
    from polyscribe.cli.local import is_url

    found: list[tuple[str, Path | None]] = []
    for source in sources:
        path = Path(source)
        if not is_url(source) and path.is_dir():
            home = path / FOLDER_OUTPUT if output is None else output
            found += [(str(file), home / file.parent.relative_to(path)) for file in _audio_in(path)]
        else:
            # A file that is not there fails on its own; the others go on.
            found.append((source, output))
    return [Task(source, outputs) for (source, _), outputs in zip(found, _outputs(found, forms), strict=True)]


def write(path: Path, text: str) -> None:
    """The file appears whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _forms(form: str | None) -> list[str]:
    from polyscribe.services.exports import WRITERS

    forms = [each.strip() for each in (form or "txt").split(",") if each.strip()]
    unknown = [each for each in forms if each not in WRITERS]
    if unknown or not forms:
        raise BadInput(f"There is no format {', '.join(unknown) or form!r}: choose {', '.join(WRITERS)}.", "format")
    return list(dict.fromkeys(forms))


def _audio_in(folder: Path) -> list[Path]:
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in AUDIO
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not files:
        raise BadInput(f"There is no audio in the folder {folder}: files ending in {' '.join(sorted(AUDIO))} count.")
    return files


def _outputs(found: Sequence[tuple[str, Path | None]], forms: Sequence[str]) -> Iterator[tuple[Path, ...]]:
    """The files of each source; two sources of one name keep their suffixes, so that none is overwritten."""
    from polyscribe.cli.local import is_url, name_of

    names = Counter((home, name_of(source)) for source, home in found)
    taken: Counter[tuple[Path | None, str]] = Counter()
    for source, home in found:
        name = name_of(source)
        if names[home, name] > 1:
            name = name if is_url(source) else Path(source).name
        taken[home, name] += 1
        if taken[home, name] > 1:
            name = f"{name}-{taken[home, name]}"
        yield () if home is None else tuple(home / f"{name}.{form}" for form in forms)


@contextmanager
def _desk(settings: Settings, wanted: Wanted) -> Iterator[Desk]:
    from polyscribe import wiring
    from polyscribe.cli.local import Desk, engine_for, models_home

    engine = engine_for(settings, wanted)
    room = wiring.room(models_home(settings), settings.workers)
    desk = Desk(room, settings.workers, engine, wanted, settings.allowed_private_hosts, Event())
    try:
        yield desk
    except BaseException:
        desk.interrupted.set()
        raise
    finally:
        room.slots.shutdown(wait=True, cancel_futures=True)


def _run(desk: Desk, tasks: Sequence[Task], forms: Sequence[str], overwrite: bool, *, is_printing: bool) -> int:
    """How many sources failed."""
    from polyscribe.cli.reports import report_for

    failed = 0
    is_printing = is_printing and not all(task.outputs for task in tasks)
    # As many files at once as there are slots: a short file alone cannot fill them.
    with report_for(forms, len(tasks), is_printing=is_printing) as report, ThreadPoolExecutor(desk.slots) as files:
        work = [(task, _submit(files, desk, task, forms, report, overwrite)) for task in tasks]
        try:
            for task, future in work:
                failed += _finish(task, future, report)
        except BaseException:
            desk.interrupted.set()
            files.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


def _submit(
    files: ThreadPoolExecutor, desk: Desk, task: Task, forms: Sequence[str], report: Report, overwrite: bool
) -> Future[Transcript] | None:
    if task.is_done() and not overwrite:
        return None
    return files.submit(_one, desk, task, forms, report)


def _one(desk: Desk, task: Task, forms: Sequence[str], report: Report) -> Transcript:
    from polyscribe.cli import local
    from polyscribe.services import exports

    with report.following(task.source) as progress:
        transcript = local.transcribe(desk, task.source, progress)
    for form, path in zip(forms, task.outputs, strict=False):
        write(path, exports.render(transcript, form))
    return transcript


def _finish(task: Task, future: Future[Transcript] | None, report: Report) -> bool:
    """Whether the source failed; the others go on."""
    if future is None:
        report.skipped(task.source, task.outputs)
        return False
    try:
        report.done(task.source, future.result(), task.outputs)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever is wrong with one file, the others go on)
        report.failed(task.source, message_of(error, task.source))
        return True
    return False


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
