"""What is done from time to time: audio and transcripts go when their retention is over, stray spool files go."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

from polyscribe.domain.transcription import FINAL
from polyscribe.services import recordings as recording_verbs
from polyscribe.services import transcriptions as verbs
from polyscribe.services.app import App
from polyscribe.storage import recordings, transcriptions
from polyscribe.telemetry import emit

BATCH = 200
STRAY_AFTER_S = 3600.0
"""A spool file that nobody touched for so long, of a transcription that has ended, is nobody's."""


def tidy(app: App) -> None:
    """One round; safe to run on several machines at once."""
    if app.retention_transcript_h > 0:
        _forget_transcripts(app, app.now() - timedelta(hours=app.retention_transcript_h))
    if app.retention_audio_h > 0:
        until = app.now() - timedelta(hours=app.retention_audio_h)
        _forget_audio(app, until)
        _forget_recordings(app, until)
    _sweep_spool(app)


def _forget_transcripts(app: App, until: datetime) -> None:
    with app.database.reading() as tx:
        old = transcriptions.finished_before(tx, until, BATCH)
    for each in old:
        verbs.delete(app, each)
        emit("transcription_expired", transcription=str(each.id))


def _forget_audio(app: App, until: datetime) -> None:
    with app.database.reading() as tx:
        old = transcriptions.with_media_before(tx, until, BATCH)
    for each, blob_key in old:
        if each.recording_id is None:
            app.blobs.delete(blob_key)
        with app.database.transaction() as tx:
            transcriptions.note(tx, each.id, blob_key=None)
        emit("audio_expired", transcription=str(each.id))


def _forget_recordings(app: App, until: datetime) -> None:
    with app.database.reading() as tx:
        old = recordings.stored_before(tx, until, BATCH)
    for each in old:
        recording_verbs.delete(app, each.account_id, each.id)
        emit("recording_expired", recording=str(each.id))


def _sweep_spool(app: App) -> None:
    if not app.spool.is_dir():
        return
    for path in app.spool.iterdir():
        if time.time() - path.stat().st_mtime > STRAY_AFTER_S and not _is_worked_on(app, path.name.split(".")[0]):
            path.unlink(missing_ok=True)


def _is_worked_on(app: App, key: str) -> bool:
    try:
        transcription_id = UUID(key)
    except ValueError:
        return False
    with app.database.reading() as tx:
        found = transcriptions.by_id(tx, transcription_id)
    return found is not None and found.status not in FINAL
