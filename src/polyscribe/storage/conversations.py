"""Conversations: transcripts that a customer asked to keep under a name of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from polyscribe.storage.tables import conversations, place

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


def of_transcription(tx: sa.Connection, transcription_id: UUID) -> Conversation | None:
    row = tx.execute(sa.select(TABLE).where(TABLE.c.transcription_id == transcription_id)).one_or_none()
    return None if row is None else Conversation(*row)


def page(tx: sa.Connection, account_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> list[Conversation]:
    """Newest first, behind the one whose (created_at, id) is `before`."""
    query = sa.select(TABLE).where(TABLE.c.account_id == account_id)
    if before is not None:
        query = query.where(place(TABLE) < place(TABLE, before))
    query = query.order_by(TABLE.c.created_at.desc(), TABLE.c.id.desc()).limit(limit)
    return [Conversation(*row) for row in tx.execute(query)]


def delete_of_transcription(tx: sa.Connection, transcription_id: UUID) -> None:
    tx.execute(TABLE.delete().where(TABLE.c.transcription_id == transcription_id))
