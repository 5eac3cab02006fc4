"""Webhook deliveries: what was to be told, to whom, and how the attempts went."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.delivery import Delivery, DeliveryState
from polyscribe.storage.tables import deliveries

TABLE = deliveries


def insert(tx: sa.Connection, delivery: Delivery) -> None:
    tx.execute(TABLE.insert().values(**asdict(delivery)))


def by_id(tx: sa.Connection, delivery_id: UUID) -> Delivery | None:
    row = tx.execute(sa.select(TABLE).where(TABLE.c.id == delivery_id)).one_or_none()
    return None if row is None else _read(row)


def of_subject(tx: sa.Connection, subject_id: UUID) -> list[Delivery]:
    query = sa.select(TABLE).where(TABLE.c.subject_id == subject_id).order_by(TABLE.c.created_at, TABLE.c.id)
    return [_read(row) for row in tx.execute(query)]


def attempted(
    tx: sa.Connection,
    delivery_id: UUID,
    attempts: int,
    state: DeliveryState,
    status: int | None,
    fault: str | None,
    at: datetime,
) -> None:
    tx.execute(
        TABLE.update()
        .where(TABLE.c.id == delivery_id)
        .values(attempts=attempts, state=state, last_status=status, last_fault=fault, updated_at=at)
    )


def delete_of_subject(tx: sa.Connection, subject_id: UUID) -> None:
    tx.execute(TABLE.delete().where(TABLE.c.subject_id == subject_id))


def _read(row: sa.Row[Any]) -> Delivery:
    return Delivery(**{**row._mapping, "state": DeliveryState(row.state)})
