"""A recording's media in the form that somebody asks for: as it is stored when that fits, else converted and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from polyscribe.audio import encode
from polyscribe.audio.decode import decode
from polyscribe.domain.errors import NotFound
from polyscribe.domain.recording import Recording
from polyscribe.services.app import App

FORMS: Mapping[str, tuple[str, Callable[[Path, Iterable[encode.Frames], int], None]]] = {
    "wav": ("audio/x-wav", encode.write_wav),
    "mp3": ("audio/mpeg", encode.write_mp3),
}
"""By extension: the media type, and what writes it."""
STORED_AS = {
    "audio/x-wav": "wav",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
LONGEST_MS = 24 * 3_600_000


def rendition(app: App, recording: Recording, form: str, channels: int | None) -> Recording:
    """The recording as if it had been stored in one of FORMS. A mono one stays mono, whatever is asked.

    Raises:
        NotFound: the media is not in the own store. SourceFailed: it is not sound.
    """
    if recording.blob_key is None:
        raise NotFound("The media of this recording is not stored here.")
    wanted = min(channels or recording.channels, recording.channels)
    media_type = recording.media_type.partition(";")[0].strip().lower()
    key = recording.blob_key
    if STORED_AS.get(media_type) != form or wanted != recording.channels:
        key = _key(recording.blob_key, form, wanted)
    try:
        size_bytes = app.blobs.size(key)
    except NotFound:
        if key == recording.blob_key:
            raise
        _convert(app, recording.blob_key, key, form, wanted)
        size_bytes = app.blobs.size(key)
    return replace(recording, blob_key=key, size_bytes=size_bytes, channels=wanted, media_type=FORMS[form][0])


def keys(blob_key: str) -> list[str]:
    """Where renditions of a stored recording may lie."""
    return [_key(blob_key, form, channels) for form in FORMS for channels in (1, 2)]


def _convert(app: App, source: str, target: str, form: str, channels: int) -> None:
    app.spool.mkdir(parents=True, exist_ok=True)
    name = f"rendition-{app.new_id()}"
    original, converted = app.spool / f"{name}.from", app.spool / f"{name}.to"
    try:
        app.blobs.get_file(source, original)
        with decode(original, max_ms=LONGEST_MS) as decoding:
            is_mixed = decoding.source.channels > channels
            blocks = encode.mixed(decoding) if is_mixed else decoding
            FORMS[form][1](converted, blocks, min(channels, decoding.source.channels))
        app.blobs.put_file(target, converted)
    finally:
        original.unlink(missing_ok=True)
        converted.unlink(missing_ok=True)


def _key(blob_key: str, form: str, channels: int) -> str:
    return f"{blob_key}.{form}{channels}"
