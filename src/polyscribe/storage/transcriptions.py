"""Transcriptions, the notes of their work, and the pieces of it that are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.transcription import ChannelMode, Fault, Participant, Status, Transcription, Wanted
from polyscribe.storage.tables import idempotency, part, pieces, transcriptions, work

TABLE = transcriptions


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions of a list, joined by AND; None does not restrict. `until` is exclusive."""

    created_from: datetime | None = None
    created_until: datetime | None = None
    language: str | None = None
    recording_id: UUID | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Notes of a run: where its audio lies, the plan of its pieces, who speaks when (plain JSON both)."""

    blob_key: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    plan: Mapping[str, Any] | None = None
    turns: list[Any] | None = None


def insert(tx: sa.Connection, transcription: Transcription) -> None:
    values = {
        **asdict(transcription),
        "language": transcription.wanted.language,
        "participants": [asdict(participant) for participant in transcription.participants],
    }
    tx.execute(TABLE.insert().values(**values))
    tx.execute(work.insert().values(transcription_id=transcription.id))


def by_id(tx: sa.Connection, transcription_id: UUID) -> Transcription | None:
    row = tx.execute(sa.select(TABLE).where(TABLE.c.id == transcription_id)).one_or_none()
    return None if row is None else _read(row)


def page(
    tx: sa.Connection,
    account_id: UUID,
    api: str,
    wanted: Filter,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[Transcription]:
    """Newest first, behind the one whose (created_at, id) is `at`; or those just in front of it."""
    query = sa.select(TABLE).where(TABLE.c.account_id == account_id, TABLE.c.api == api)
    for condition in _conditions(wanted):
        query = query.where(condition)
    query = part(query, TABLE, at, limit, newest_first=True, backwards=backwards)
    found = [_read(row) for row in tx.execute(query)]
    return found[::-1] if backwards else found


def save(tx: sa.Connection, transcription: Transcription, was: Status) -> bool:
    """Write state, duration, progress and fault, if the row still stands in state `was`; whether it did."""
    done = tx.execute(
        TABLE.update()
        .where(TABLE.c.id == transcription.id, TABLE.c.status == was)
        .values(
            status=transcription.status,
            duration_ms=transcription.duration_ms,
            done_ms=transcription.done_ms,
            fault=None if transcription.fault is None else asdict(transcription.fault),
            audio_started_at=transcription.audio_started_at,
            wire=transcription.wire,
            updated_at=transcription.updated_at,
        )
    )
    return done.rowcount == 1


def delete(tx: sa.Connection, transcription_id: UUID) -> None:
    """The row and the notes of its work; its transcript must be gone before."""
    tx.execute(pieces.delete().where(pieces.c.transcription_id == transcription_id))
    tx.execute(work.delete().where(work.c.transcription_id == transcription_id))
    tx.execute(idempotency.delete().where(idempotency.c.subject_id == transcription_id))
    tx.execute(TABLE.delete().where(TABLE.c.id == transcription_id))


def counts(tx: sa.Connection) -> dict[Status, int]:
    """How many stand in each state."""
    rows = tx.execute(sa.select(TABLE.c.status, sa.func.count()).group_by(TABLE.c.status))
    return {Status(status): int(number) for status, number in rows}


def finished_before(tx: sa.Connection, at: datetime, limit: int) -> list[Transcription]:
    """Those in a final state that were last touched before `at`, oldest first."""
    final = (Status.DONE, Status.FAILED, Status.CANCELED)
    query = sa.select(TABLE).where(TABLE.c.status.in_(final), TABLE.c.updated_at < at)
    return [_read(row) for row in tx.execute(query.order_by(TABLE.c.updated_at).limit(limit))]


def with_media_before(tx: sa.Connection, at: datetime, limit: int) -> list[tuple[Transcription, str]]:
    """Those in a final state, last touched before `at`, whose media is still stored; and where it is."""
    final = (Status.DONE, Status.FAILED, Status.CANCELED)
    query = (
        sa.select(TABLE, work.c.blob_key.label("media_key"))
        .join(work, work.c.transcription_id == TABLE.c.id)
        .where(TABLE.c.status.in_(final), TABLE.c.updated_at < at, work.c.blob_key.is_not(None))
        .order_by(TABLE.c.updated_at)
        .limit(limit)
    )
    return [(_read(row), row.media_key) for row in tx.execute(query)]


def work_of(tx: sa.Connection, transcription_id: UUID) -> Work:
    """Raises sqlalchemy's NoResultFound for an unknown transcription."""
    row = tx.execute(sa.select(work).where(work.c.transcription_id == transcription_id)).one()
    return Work(row.blob_key, row.media_type, row.size_bytes, row.plan, row.turns)


def note(tx: sa.Connection, transcription_id: UUID, **notes: Any) -> bool:
    """Write down some of the notes of its work (the fields of `Work`); False: the transcription was deleted."""
    done = tx.execute(work.update().where(work.c.transcription_id == transcription_id).values(**notes))
    return done.rowcount == 1


def put_piece(tx: sa.Connection, transcription_id: UUID, number: int, result: Mapping[str, Any], done_ms: int) -> bool:
    """A piece is done. False: the transcription is not being worked on any more, and nothing was written."""
    still = tx.execute(
        TABLE.update().where(TABLE.c.id == transcription_id, TABLE.c.status == Status.WORKING).values(done_ms=done_ms)
    )
    if still.rowcount == 0:
        return False
    own = (pieces.c.transcription_id == transcription_id) & (pieces.c.number == number)
    tx.execute(pieces.delete().where(own))
    tx.execute(pieces.insert().values(transcription_id=transcription_id, number=number, result=result))
    return True


def piece_numbers(tx: sa.Connection, transcription_id: UUID) -> set[int]:
    rows = tx.execute(sa.select(pieces.c.number).where(pieces.c.transcription_id == transcription_id))
    return {int(number) for (number,) in rows}


def piece_results(tx: sa.Connection, transcription_id: UUID) -> Iterator[Mapping[str, Any]]:
    """Results of the pieces, in their order, read one after the other: those of a long call are many."""
    query = sa.select(pieces.c.result).where(pieces.c.transcription_id == transcription_id).order_by(pieces.c.number)
    for (result,) in tx.execute(query):
        yield result


def drop_pieces(tx: sa.Connection, transcription_id: UUID) -> None:
    tx.execute(pieces.delete().where(pieces.c.transcription_id == transcription_id))


def remembered(tx: sa.Connection, account_id: UUID, api: str, key: str, since: datetime) -> tuple[UUID, str] | None:
    """What an idempotency key stands for since then: the subject's id and the hash of the request."""
    row = tx.execute(
        sa.select(idempotency).where(
            idempotency.c.account_id == account_id,
            idempotency.c.api == api,
            idempotency.c.key == key,
            idempotency.c.created_at >= since,
        )
    ).one_or_none()
    return None if row is None else (row.subject_id, row.request_sha256)


def remember(
    tx: sa.Connection, account_id: UUID, api: str, key: str, subject_id: UUID, request_sha256: str, at: datetime
) -> None:
    """Raises sqlalchemy's IntegrityError when somebody else remembered that key in the meantime."""
    tx.execute(
        idempotency.insert().values(
            account_id=account_id,
            api=api,
            key=key,
            request_sha256=request_sha256,
            subject_id=subject_id,
            created_at=at,
        )
    )


def forget(tx: sa.Connection, account_id: UUID, api: str, key: str, before: datetime) -> None:
    """Let go of an idempotency key that was remembered before an instant."""
    own = (idempotency.c.account_id == account_id) & (idempotency.c.api == api) & (idempotency.c.key == key)
    tx.execute(idempotency.delete().where(own, idempotency.c.created_at < before))


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.created_from is not None:
        conditions.append(TABLE.c.created_at >= wanted.created_from)
    if wanted.created_until is not None:
        conditions.append(TABLE.c.created_at < wanted.created_until)
    if wanted.language is not None:
        conditions.append(TABLE.c.language == wanted.language)
    if wanted.recording_id is not None:
        conditions.append(TABLE.c.recording_id == wanted.recording_id)
    if wanted.status is not None:
        conditions.append(TABLE.c.status == wanted.status)
    return conditions


def _read(row: sa.Row[Any]) -> Transcription:
    values = {name: value for name, value in row._mapping.items() if name not in {"language", "media_key"}}
    values["status"] = Status(row.status)
    values["wanted"] = Wanted(**{**row.wanted, "channels": ChannelMode(row.wanted["channels"])})
    values["participants"] = tuple(Participant(**participant) for participant in row.participants)
    values["fault"] = None if row.fault is None else Fault(**row.fault)
    return Transcription(**values)
