"""`polyscribe engines` and `polyscribe doctor`: what is installed, and whether this machine is fit for the work."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyscribe.cli.options import settings_of, write_json, write_table
from polyscribe.domain.errors import PolyscribeError

if TYPE_CHECKING:
    from polyscribe.settings import Settings

LEAST_FREE_BYTES = 2 << 30
EARLIEST = 1_767_225_600
"""The first second of 2026: a clock before this is wrong."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `advice` says what to do where it is not ok."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def engines(as_json: Json = False) -> None:
    """List the recognisers: what is installed here, and what each of them can do."""
    from polyscribe import engines as found

    rows = []
    for name, maker in found.makers().items():
        abilities, is_installed = maker.ABILITIES, found.is_installed(maker)
        rows.append(
            {
                "name": name,
                "installed": is_installed,
                "languages": sorted(abilities.languages),
                "streaming": abilities.streaming,
                "words": abilities.words,
                "diarization": abilities.diarization,
                "model_present": is_installed,
                "licence": abilities.licence,
                "install": "" if is_installed else maker.INSTALL,
            }
        )
    if as_json:
        write_json(rows)
        return
    shown = [{**row, "installed": row["installed"] or f"no: {row['install']}"} for row in rows]
    columns = [name for name in shown[0] if name != "install"]
    write_table([name.replace("_", " ") for name in columns], [[_cell(row[name]) for name in columns] for row in shown])


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check database, blobs, engine, decoder, disk and clock, and say what to do."""
    settings = settings_of(context)
    findings = [check(settings) for check in (_database, _blobs, _engine, _decoder, _disk, _clock)]
    if as_json:
        write_json({"ok": all(each.ok for each in findings), "checks": [asdict(each) for each in findings]})
    else:
        rows = [[each.name, "ok" if each.ok else "BAD", each.detail, each.advice] for each in findings]
        write_table(["check", "state", "found", "what to do"], rows)
    if not all(each.ok for each in findings):
        raise typer.Exit(1)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, list) else str(value)


def _tried(name: str, check: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(name, True, check())
    except PolyscribeError as error:
        return Finding(name, False, error.message, advice)
    except OSError as error:
        return Finding(name, False, f"{error.filename or ''} {error.strerror or error}".strip(), advice)


def _database(settings: Settings) -> Finding:
    def check() -> str:
        from polyscribe import wiring
        from polyscribe.services import transcriptions

        app = wiring.application(settings)
        count = sum(transcriptions.counts(app).values())
        app.database.close()
        return f"{settings.database_url.partition(':')[0]}, {count} transcriptions"

    return _tried("database", check, "Check DATABASE_URL; then `polyscribe migrate`.")


def _blobs(settings: Settings) -> Finding:
    def check() -> str:
        from polyscribe import wiring

        app = wiring.application(settings)
        app.database.close()
        store = app.blobs
        store.put("health/doctor", b"well")
        size = store.size("health/doctor")
        store.delete("health/doctor")
        return f"{settings.blob_url.partition(':')[0]}, wrote {size} bytes and deleted them"

    return _tried("blobs", check, "Check BLOB_URL, its credentials, and that it may be written.")


def _engine(settings: Settings) -> Finding:
    def check() -> str:
        from polyscribe import wiring
        from polyscribe.cli import local
        from polyscribe.domain.transcription import Wanted

        name = local.engine_for(settings, Wanted())
        began = time.monotonic()
        wiring.room(settings, 1).engine(name)
        return f"{name}, loaded and heard a known sound in {time.monotonic() - began:.1f} s"

    return _tried("engine", check, "Install the engine that the message names; `polyscribe engines` lists them.")


def _decoder(_settings: Settings) -> Finding:
    def check() -> str:
        from polyscribe.audio.decode import decode

        with tempfile.TemporaryDirectory(prefix="polyscribe-") as folder:
            path = Path(folder) / "second.wav"
            path.write_bytes(_second_of_silence())
            with decode(path, max_ms=60_000) as decoding:
                frames = sum(len(block) for block in decoding)
        return f"decoded {frames} frames in a process of its own"

    return _tried("decoder", check, "Install the pinned `av` of the lock file; allow this user to start processes.")


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    advice = "" if free >= LEAST_FREE_BYTES else f"Free {LEAST_FREE_BYTES >> 30} GiB, or set DATA_DIR to a larger disk."
    return Finding("disk", free >= LEAST_FREE_BYTES, f"{free / (1 << 30):.1f} GiB free in {folder}", advice)


def _clock(_settings: Settings) -> Finding:
    now = time.time()
    advice = "" if now >= EARLIEST else "Set the clock: keys, signatures and retention depend on it."
    return Finding("clock", now >= EARLIEST, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)), advice)


def _second_of_silence() -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    return content.getvalue()
