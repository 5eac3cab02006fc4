"""The own store of recordings: take one in, find it again, hand out its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from polyscribe.domain.errors import Conflict, NotFound
from polyscribe.domain.recording import Call, Recording
from polyscribe.services import renditions
from polyscribe.services.app import App
from polyscribe.storage import recordings


def take_in(
    app: App,
    recording: Recording,
    path: Path,
    call: Call | None = None,
) -> Recording:
    """Copy the file into the blob store and write the recording down; size and hash are worked out here.

    Raises:
        Conflict: a recording of that id exists already.
    """
    key = f"recordings/{recording.account_id}/{recording.id}"
    stored = replace(recording, blob_key=key, size_bytes=path.stat().st_size, sha256=sha256_of(path))
    with app.database.reading() as tx:
        if recordings.by_id(tx, recording.account_id, recording.id, deleted=True) is not None:
            raise Conflict("A recording with that id exists already.")
    app.blobs.put_file(key, path)
    _insert(app, stored, call)
    return stored


def register_remote(app: App, recording: Recording, call: Call | None = None) -> Recording:
    """Write down a recording whose bytes still lie at its `remote_url`. The one that is known already wins."""
    try:
        _insert(app, recording, call)
    except Conflict:
        return find(app, recording.account_id, recording.id)
    return recording


def find(app: App, account_id: UUID, recording_id: UUID, *, deleted: bool = False) -> Recording:
    """Raises NotFound; deleted ones are found only when asked for."""
    with app.database.reading() as tx:
        found = recordings.by_id(tx, account_id, recording_id, deleted=deleted)
    if found is None:
        raise NotFound("There is no such recording.")
    return found


def find_call(app: App, account_id: UUID, call_id: UUID) -> Call:
    """Raises NotFound."""
    with app.database.reading() as tx:
        found = recordings.call_by_id(tx, account_id, call_id)
    if found is None:
        raise NotFound("There is no such call.")
    return found


def page(
    app: App, account_id: UUID, at: tuple[datetime, UUID] | None, limit: int, **conditions: Any
) -> list[Recording]:
    """Newest first; `conditions` as in storage: created_from, created_until, call_id, deleted, backwards."""
    with app.database.reading() as tx:
        return recordings.page(tx, account_id, at=at, limit=limit, **conditions)


def delete(app: App, account_id: UUID, recording_id: UUID) -> None:
    """Its bytes go at once, its row stays as deleted. Raises NotFound."""
    found = find(app, account_id, recording_id)
    with app.database.transaction() as tx:
        recordings.delete(tx, account_id, recording_id, app.now())
    if found.blob_key is not None:
        for key in (found.blob_key, *renditions.keys(found.blob_key)):
            app.blobs.delete(key)


def media(app: App, recording: Recording, start: int, stop: int) -> AsyncIterator[bytes]:
    """Bytes `start` up to `stop` of the stored file. Raises NotFound when they are not in the own store."""
    if recording.blob_key is None:
        raise NotFound("The media of this recording is not stored here.")
    return app.blobs.read(recording.blob_key, start, stop)


def sha256_of(path: Path) -> str:
    """Hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _insert(app: App, recording: Recording, call: Call | None) -> None:
    try:
        with app.database.transaction() as tx:
            if call is not None and recordings.call_by_id(tx, call.account_id, call.id) is None:
                recordings.insert_call(tx, call)
            recordings.insert(tx, recording)
    except IntegrityError as error:
        raise Conflict("A recording with that id exists already.") from error
