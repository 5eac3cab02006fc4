"""Recordings and the calls that they came from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.recording import Call, Direction, Recording
from polyscribe.storage.tables import calls, part, recordings

TABLE = recordings


def insert(tx: sa.Connection, recording: Recording) -> None:
    """Raises sqlalchemy's IntegrityError when the id is taken."""
    tx.execute(TABLE.insert().values(**asdict(recording)))


def insert_call(tx: sa.Connection, call: Call) -> None:
    tx.execute(calls.insert().values(**asdict(call)))


def by_id(tx: sa.Connection, account_id: UUID, recording_id: UUID, *, deleted: bool = False) -> Recording | None:
    """A recording of the account; one that was deleted only when `deleted`."""
    query = sa.select(TABLE).where(TABLE.c.account_id == account_id, TABLE.c.id == recording_id)
    if not deleted:
        query = query.where(TABLE.c.deleted_at.is_(None))
    row = tx.execute(query).one_or_none()
    return None if row is None else _recording(row)


def call_by_id(tx: sa.Connection, account_id: UUID, call_id: UUID) -> Call | None:
    row = tx.execute(sa.select(calls).where(calls.c.account_id == account_id, calls.c.id == call_id)).one_or_none()
    return None if row is None else Call(**{**row._mapping, "direction": Direction(row.direction)})


def page(
    tx: sa.Connection,
    account_id: UUID,
    *,
    at: tuple[datetime, UUID] | None,
    limit: int,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
    call_id: UUID | None = None,
    deleted: bool = False,
    backwards: bool = False,
) -> list[Recording]:
    """Newest first, behind the one whose (created_at, id) is `at`, or just in front of it; made in [from, until)."""
    query = sa.select(TABLE).where(TABLE.c.account_id == account_id)
    if created_from is not None:
        query = query.where(TABLE.c.created_at >= created_from)
    if created_until is not None:
        query = query.where(TABLE.c.created_at < created_until)
    if call_id is not None:
        query = query.where(TABLE.c.call_id == call_id)
    if not deleted:
        query = query.where(TABLE.c.deleted_at.is_(None))
    query = part(query, TABLE, at, limit, newest_first=True, backwards=backwards)
    found = [_recording(row) for row in tx.execute(query)]
    return found[::-1] if backwards else found


def stored_before(tx: sa.Connection, at: datetime, limit: int) -> list[Recording]:
    """Those of all accounts that came before `at` and are still there, oldest first."""
    query = sa.select(TABLE).where(TABLE.c.created_at < at, TABLE.c.deleted_at.is_(None), TABLE.c.blob_key.is_not(None))
    return [_recording(row) for row in tx.execute(query.order_by(TABLE.c.created_at).limit(limit))]


def arrived(tx: sa.Connection, recording: Recording) -> None:
    """Its bytes are in the blob store now: write down what they turned out to be."""
    tx.execute(
        TABLE.update()
        .where(TABLE.c.id == recording.id)
        .values(
            blob_key=recording.blob_key,
            media_type=recording.media_type,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
            duration_ms=recording.duration_ms,
            channels=recording.channels,
        )
    )


def delete(tx: sa.Connection, account_id: UUID, recording_id: UUID, at: datetime) -> bool:
    """Whether there was one that stood."""
    own = (TABLE.c.account_id == account_id) & (TABLE.c.id == recording_id) & TABLE.c.deleted_at.is_(None)
    return tx.execute(TABLE.update().where(own).values(deleted_at=at)).rowcount == 1


def _recording(row: sa.Row[Any]) -> Recording:
    return Recording(**row._mapping)
