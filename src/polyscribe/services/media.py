"""The audio of a transcription on its way: from its address into the blob store, from there into decoded sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from polyscribe.audio.decode import decode
from polyscribe.audio.spool import SpoolReader
from polyscribe.domain.errors import NotFound, SourceFailed, SourceFault
from polyscribe.domain.recording import Recording
from polyscribe.domain.transcription import ChannelMode, Limits, Status, Transcription
from polyscribe.pipeline.recording import prepare as prepare_sound
from polyscribe.pipeline.segments import Plan
from polyscribe.services.app import App, Remote
from polyscribe.storage import recordings, transcriptions
from polyscribe.telemetry import emit

LOOK_EVERY_S = 2.0
"""How often a long download asks whether it is still wanted."""


def fetch(app: App, transcription: Transcription) -> None:
    """Bring the media into the blob store and leave a copy in the spool.

    Raises:
        FetchFailed: the address did not give it. NotFound: the recording is gone.
    """
    app.spool.mkdir(parents=True, exist_ok=True)
    path, _ = spool_files(app, str(transcription.id))
    if transcription.recording_id is not None:
        _fetch_recording(app, transcription, path)
        return
    face = app.faces[transcription.api]
    fetched = app.outbound.fetch(
        str(transcription.url),
        path,
        max_bytes=face.limits.max_bytes,
        allow_http=face.allow_http,
        still_wanted=_still_wanted(app, transcription),
    )
    key = f"media/{transcription.account_id}/{transcription.id}"
    app.blobs.put_file(key, path)
    with app.database.transaction() as tx:
        notes = {"blob_key": key, "media_type": fetched.media_type, "size_bytes": fetched.size_bytes}
        is_wanted = transcriptions.note(tx, transcription.id, **notes)
    if not is_wanted:
        app.blobs.delete(key)


def prepare(app: App, transcription: Transcription) -> Plan:
    """Decode the media into the spool, find the speech in it and plan the pieces.

    Raises:
        SourceFailed: it is not audio that this API accepts.
    """
    path, spool = spool_files(app, str(transcription.id))
    if not path.exists():
        fetch_again(app, transcription, path)
    plan = decoded(path, spool, app.faces[transcription.api].limits, transcription.wanted.channels)
    path.unlink(missing_ok=True)
    return plan


def decoded(path: Path, spool: Path, limits: Limits, mode: ChannelMode) -> Plan:
    """`prepare` for a file at hand."""
    with decode(
        path,
        max_ms=limits.max_ms,
        min_rate_hz=limits.min_rate_hz,
        formats=limits.formats,
        max_bytes=limits.max_bytes,
    ) as decoding:
        plan = prepare_sound(decoding, spool, mode, lambda: decoding.summary)
    if plan.missing_ms:
        emit("media_cut_off", decoded_ms=plan.duration_ms, missing_ms=plan.missing_ms)
    if plan.duration_ms < limits.min_ms:
        spool.unlink()
        raise SourceFailed(SourceFault.TOO_SHORT, f"The audio is shorter than {limits.min_ms / 1000:g} seconds.")
    return plan


@contextmanager
def sound(app: App, transcription: Transcription) -> Iterator[SpoolReader]:
    """The decoded sound; made once more when this machine does not have it (its worker died elsewhere)."""
    _, spool = spool_files(app, str(transcription.id))
    if not spool.exists():
        prepare(app, transcription)
    with SpoolReader(spool) as reader:
        yield reader


def fetch_again(app: App, transcription: Transcription, path: Path) -> None:
    """Copy the media from the blob store. Raises NotFound when it is gone."""
    with app.database.reading() as tx:
        key = transcriptions.work_of(tx, transcription.id).blob_key
    if key is None:
        raise NotFound("The media is not stored any more.")
    app.spool.mkdir(parents=True, exist_ok=True)
    app.blobs.get_file(key, path)


def at_home(app: App, recording: Recording, max_bytes: int) -> Recording:
    """The recording with its bytes in the own store; they are fetched from its upstream when they are not.

    Raises:
        NotFound: they are nowhere. FetchFailed: the upstream did not give them.
    """
    if recording.blob_key is not None:
        return recording
    if recording.remote_url is None:
        raise NotFound("The media of this recording is not stored here.")
    app.spool.mkdir(parents=True, exist_ok=True)
    path = app.spool / f"recording-{app.new_id()}"
    try:
        return _bring_home(app, recording, path, max_bytes, None)
    finally:
        path.unlink(missing_ok=True)


def spool_files(app: App, key: str) -> tuple[Path, Path]:
    """Where the media and the decoded sound of a transcription lie while it is worked on."""
    return app.spool / f"{key}.media", app.spool / f"{key}.sound"


def remote_of(app: App, url: str) -> Remote | None:
    """The configured upstream whose address the URL begins with: only it is shown the credentials."""
    asked = urlsplit(url)
    for remote in app.remotes.values():
        base = urlsplit(remote.base_url)
        if (asked.scheme, asked.netloc) == (base.scheme, base.netloc):
            return remote
    return None


def _fetch_recording(app: App, transcription: Transcription, path: Path) -> None:
    with app.database.reading() as tx:
        recording = recordings.by_id(tx, transcription.account_id, transcription.recording_id)  # type: ignore[arg-type]
    if recording is None:
        raise NotFound("The recording was deleted.")
    if recording.blob_key is None:
        most = app.faces[transcription.api].limits.max_bytes
        recording = _bring_home(app, recording, path, most, _still_wanted(app, transcription))
    else:
        app.blobs.get_file(recording.blob_key, path)
    with app.database.transaction() as tx:
        notes = {
            "blob_key": recording.blob_key,
            "media_type": recording.media_type,
            "size_bytes": recording.size_bytes,
        }
        transcriptions.note(tx, transcription.id, **notes)


def _bring_home(
    app: App, recording: Recording, path: Path, max_bytes: int, still_wanted: Callable[[], bool] | None
) -> Recording:
    url = str(recording.remote_url)
    remote = remote_of(app, url)
    fetched = app.outbound.fetch(
        url,
        path,
        max_bytes=max_bytes,
        basic_auth=None if remote is None else (remote.user, remote.password),
        still_wanted=still_wanted,
    )
    key = f"recordings/{recording.account_id}/{recording.id}"
    app.blobs.put_file(key, path)
    home = replace(
        recording,
        blob_key=key,
        size_bytes=fetched.size_bytes,
        sha256=fetched.sha256,
        media_type=fetched.media_type or recording.media_type,
    )
    with app.database.transaction() as tx:
        recordings.arrived(tx, home)
    return home


def _still_wanted(app: App, transcription: Transcription) -> Callable[[], bool]:
    looked_at = time.monotonic()

    def still_wanted() -> bool:
        nonlocal looked_at
        if time.monotonic() - looked_at < LOOK_EVERY_S:
            return True
        looked_at = time.monotonic()
        with app.database.reading() as tx:
            found = transcriptions.by_id(tx, transcription.id)
        return found is not None and found.status is Status.WORKING

    return still_wanted
