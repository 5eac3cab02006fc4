"""`polyscribe recording` and `polyscribe export`: put recordings into the own store, take transcripts out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from polyscribe.cli.options import settings_of, write_json
from polyscribe.domain.errors import BadInput
from polyscribe.domain.recording import Direction

if TYPE_CHECKING:
    from polyscribe.domain.recording import Call, Recording

recording = typer.Typer(no_args_is_help=True, help="Put recordings into the own store.")

_MEDIA_TYPES = {"wav": "audio/x-wav", "mp3": "audio/mpeg", "mp4": "audio/mp4"}
_SID = re.compile(r"RE[0-9a-f]{32}")
_HEX = re.compile(r"(?:[A-Z]{2})?([0-9a-f]{32})")


@recording.command("import")
def take_in(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The audio file.", exists=True, dir_okay=False, readable=True)],
    account: Annotated[str, typer.Option(help="Name of the account that it belongs to.")],
    sid: Annotated[str | None, typer.Option(help="The RE… under which clients know it already.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Who called, such as +61255501234.")] = None,
    to: Annotated[str | None, typer.Option(help="Who was called.")] = None,
    direction: Annotated[Direction, typer.Option(help="Which way the call went.")] = Direction.INBOUND,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import a recording, so that clients can name it by its id; prints all spellings of that."""
    from polyscribe import wiring
    from polyscribe.domain.recording import Call, Recording
    from polyscribe.services import access
    from polyscribe.services import recordings as verbs

    if sid is not None and not _SID.fullmatch(sid):
        raise BadInput(f"{sid!r} is not a recording SID: RE and 32 lower-case hexadecimal digits.", "sid")
    media_type, duration_ms, channels = _measured(file)
    app = wiring.application(settings_of(context))
    now, owner = app.now(), access.account_named(app, account).id
    call = Call(app.new_id(), owner, direction, from_, to, now, duration_ms)
    made = Recording(
        id=app.new_id() if sid is None else UUID(sid[2:]),
        account_id=owner,
        blob_key=None,
        media_type=media_type,
        size_bytes=0,
        sha256="",
        duration_ms=duration_ms,
        channels=channels,
        started_at=now,
        created_at=now,
        call_id=call.id,
    )
    _show(verbs.take_in(app, made, file, call), call, as_json)


def export(
    context: typer.Context,
    transcription_id: Annotated[str, typer.Argument(metavar="ID", help="A transcription, in any spelling of its id.")],
    form: Annotated[str, typer.Option("--format", help="txt, json, srt or vtt.")] = "txt",
    output: Annotated[Path | None, typer.Option(help="File to write instead of standard output.")] = None,
) -> None:
    """Write the transcript of a finished transcription."""
    from polyscribe import wiring
    from polyscribe.services import exports, transcriptions

    wanted = uuid_of(transcription_id)
    text = exports.render(transcriptions.transcript(wiring.application(settings_of(context)), wanted), form)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def uuid_of(spelling: str) -> UUID:
    """The id behind `RE…` (two letters, 32 hexadecimal digits), `voice_transcription_…` or a UUID.

    Raises:
        BadInput: it is none of these.
    """
    from polyscribe.web.twilio import from_typeid

    prefix, _, _ = spelling.rpartition("_")
    found = _HEX.fullmatch(spelling)
    try:
        return from_typeid(prefix, spelling) or UUID(found[1] if found else spelling)
    except ValueError as error:
        why = f"{spelling!r} is not an id: write it as the API gave it to you, or as a UUID."
        raise BadInput(why, "id") from error


def _measured(file: Path) -> tuple[str, int, int]:
    """Media type, decoded length in milliseconds and channels. Raises SourceFailed."""
    from polyscribe.audio.decode import decode
    from polyscribe.audio.probe import format_name
    from polyscribe.cli.local import MAX_MS

    with decode(file, max_ms=MAX_MS) as decoding:
        for _ in decoding:
            pass
        name = format_name(decoding.source)
        return _MEDIA_TYPES.get(name, f"audio/{name}"), decoding.summary.duration_ms, decoding.source.channels


def _show(made: Recording, call: Call, as_json: bool) -> None:
    spellings = {
        "id": str(made.id),
        "sid": f"RE{made.id.hex}",
        "call_sid": f"CA{call.id.hex}",
        "duration_ms": made.duration_ms,
        "channels": made.channels,
    }
    if as_json:
        write_json(spellings)
    else:
        typer.echo("\n".join(f"{name:<12} {value}" for name, value in spellings.items()))
