"""The bundled sample call: on its first day a server shows with it that the main job works."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import typer

from polyscribe.domain.transcription import Wanted

if TYPE_CHECKING:
    from polyscribe.settings import Settings

SAMPLE = Path(__file__).parent.parent / "samples" / "call.flac"


def show(settings: Settings) -> None:
    """Transcribe the sample with a progress bar and print what was said. Raises EngineFailed."""
    from polyscribe import wiring
    from polyscribe.cli import local
    from polyscribe.cli.reports import report_for

    room = wiring.room(settings, settings.workers)
    wanted = Wanted()
    engine = local.engine_for(settings, wanted)
    desk = local.Desk(room, settings.workers, engine, wanted, "", Event())
    typer.echo("A sample call, transcribed on this machine:\n")
    with report_for(["txt"], 1, is_printing=True) as report, report.following(str(SAMPLE)) as progress:
        transcript = local.transcribe(desk, str(SAMPLE), progress)
        report.done(str(SAMPLE), transcript, ())
    typer.echo("\nYour own: polyscribe transcribe FILE, or a request to one of the addresses above.")
    room.slots.shutdown()
