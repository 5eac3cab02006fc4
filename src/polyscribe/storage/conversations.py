"""Conversations: transcripts that a customer asked to keep under a name of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from polyscribe.storage.tables import conversations, part, recordings, transcriptions

TABLE = conversations


class Conversation(NamedTuple):
    """`wire` is the API's own."""

    id: UUID
    account_id: UUID
    transcription_id: UUID
    wire: Mapping[str, Any]
    created_at: datetime


def insert(tx: sa.Connection, conversation: Conversation) -> None:
    tx.execute(TABLE.insert().values(**conversation._asdict()))


def by_id(tx: sa.Connection, account_id: UUID, conversation_id: UUID) -> Conversation | None:
    row = tx.execute(
        sa.select(TABLE).where(TABLE.c.account_id == account_id, TABLE.c.id == conversation_id)
    ).one_or_none()
    return None if row is None else Conversation(*row)


def ids_of_transcriptions(tx: sa.Connection, transcription_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Ids of conversations by transcription; those that were not kept are absent."""
    query = sa.select(TABLE.c.transcription_id, TABLE.c.id).where(TABLE.c.transcription_id.in_(transcription_ids))
    return {row.transcription_id: row.id for row in tx.execute(query)}


def page(
    tx: sa.Connection,
    account_id: UUID,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    source_id: UUID | None = None,
    backwards: bool = False,
) -> list[Conversation]:
    """Newest first, behind the one whose (created_at, id) is `at`, or just in front of it.

    `source_id` restricts to those of one recording or of one call.
    """
    query = sa.select(TABLE).where(TABLE.c.account_id == account_id)
    if source_id is not None:
        own = sa.select(transcriptions.c.id).outerjoin(recordings, recordings.c.id == transcriptions.c.recording_id)
        is_source = (transcriptions.c.recording_id == source_id) | (recordings.c.call_id == source_id)
        query = query.where(TABLE.c.transcription_id.in_(own.where(is_source)))
    query = part(query, TABLE, at, limit, newest_first=True, backwards=backwards)
    found = [Conversation(*row) for row in tx.execute(query)]
    return found[::-1] if backwards else found


def delete_of_transcription(tx: sa.Connection, transcription_id: UUID) -> None:
    tx.execute(TABLE.delete().where(TABLE.c.transcription_id == transcription_id))
