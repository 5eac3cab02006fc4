import os
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from polyscribe import models
from polyscribe.domain.errors import NotFound
from polyscribe.domain.recording import Recording
from polyscribe.domain.transcription import Status, Transcription, Wanted, moved
from polyscribe.services import access, recordings, transcriptions, upkeep
from polyscribe.services.app import App
from polyscribe.storage import transcriptions as stored

HOUR_S = 3600


@pytest.fixture
def owner(app: App) -> UUID:
    return access.create_account(app, "Acme")[0].id


def waiting(app: App, owner: UUID) -> Transcription:
    new = Transcription(
        app.new_id(), owner, "plain", Status.WAITING, Wanted(), app.now(), app.now(), url="https://a.b/c"
    )
    return transcriptions.create(app, new).transcription


def done(app: App, owner: UUID) -> Transcription:
    """A finished one whose media is stored."""
    new = waiting(app, owner)
    key = f"media/{owner}/{new.id}"
    app.blobs.put(key, b"sound")
    ended = moved(moved(new, Status.WORKING, app.now()), Status.DONE, app.now())
    with app.database.transaction() as tx:
        stored.note(tx, new.id, blob_key=key)
        stored.save(tx, ended, Status.WAITING)
    return ended


def test_without_retention_everything_is_kept_for_ever(app: App, owner: UUID) -> None:
    kept = done(app, owner)
    app.now.forward(1000 * HOUR_S)  # type: ignore[attr-defined]

    upkeep.tidy(app)

    assert transcriptions.find(app, owner, "plain", kept.id) == kept
    assert app.blobs.size(f"media/{owner}/{kept.id}") == 5


def test_audio_goes_when_its_time_is_over_and_the_transcription_stays(app: App, owner: UUID) -> None:
    app = replace(app, retention_audio_h=24)
    kept = done(app, owner)
    app.now.forward(25 * HOUR_S)  # type: ignore[attr-defined]

    upkeep.tidy(app)

    assert transcriptions.find(app, owner, "plain", kept.id) == kept
    with pytest.raises(NotFound):
        app.blobs.size(f"media/{owner}/{kept.id}")


def test_audio_stays_until_its_time_is_over(app: App, owner: UUID) -> None:
    app = replace(app, retention_audio_h=24)
    kept = done(app, owner)
    app.now.forward(23 * HOUR_S)  # type: ignore[attr-defined]

    upkeep.tidy(app)

    assert app.blobs.size(f"media/{owner}/{kept.id}") == 5


def test_recordings_of_the_own_store_go_with_the_audio(app: App, owner: UUID) -> None:
    app = replace(app, retention_audio_h=24)
    new = Recording(app.new_id(), owner, None, "audio/x-wav", 0, "", 1000, 1, app.now(), app.now())
    kept = recordings.take_in(app, new, models.asset("beckett.wav"))
    app.now.forward(25 * HOUR_S)  # type: ignore[attr-defined]

    upkeep.tidy(app)

    with pytest.raises(NotFound):
        recordings.find(app, owner, kept.id)
    with pytest.raises(NotFound):
        app.blobs.size(str(kept.blob_key))


def test_transcripts_go_when_their_time_is_over(app: App, owner: UUID) -> None:
    app = replace(app, retention_transcript_h=24)
    old = done(app, owner)
    app.now.forward(25 * HOUR_S)  # type: ignore[attr-defined]
    young = done(app, owner)

    upkeep.tidy(app)

    assert transcriptions.find(app, owner, "plain", young.id) == young
    with pytest.raises(NotFound):
        transcriptions.find(app, owner, "plain", old.id)


def test_what_is_still_worked_on_is_never_too_old(app: App, owner: UUID) -> None:
    app = replace(app, retention_transcript_h=24, retention_audio_h=24)
    working = waiting(app, owner)
    app.now.forward(1000 * HOUR_S)  # type: ignore[attr-defined]

    upkeep.tidy(app)

    assert transcriptions.find(app, owner, "plain", working.id) == working


def aged(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"sound")
    old = time.time() - 2 * upkeep.STRAY_AFTER_S
    os.utime(path, (old, old))
    return path


def test_spool_files_that_nobody_works_on_are_swept_up(app: App, owner: UUID) -> None:
    ended, working = done(app, owner), waiting(app, owner)
    stray, used = aged(app.spool / f"{ended.id}.sound"), aged(app.spool / f"{working.id}.sound")
    unknown, fresh = aged(app.spool / "who.part"), app.spool / f"{ended.id}.media"
    fresh.write_bytes(b"sound")

    upkeep.tidy(app)

    assert (stray.exists(), used.exists(), unknown.exists(), fresh.exists()) == (False, True, False, True)
