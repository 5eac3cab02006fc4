"""Configurations, found by id or by unique name within account and API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.configuration import Configuration
from polyscribe.storage.tables import configurations, part

TABLE = configurations


def insert(tx: sa.Connection, configuration: Configuration) -> None:
    """Raises sqlalchemy's IntegrityError when the unique name is taken."""
    tx.execute(TABLE.insert().values(**asdict(configuration)))


def by_id(tx: sa.Connection, account_id: UUID, api: str, configuration_id: UUID) -> Configuration | None:
    return _one(tx, _own(account_id, api).where(TABLE.c.id == configuration_id))


def by_unique_name(tx: sa.Connection, account_id: UUID, api: str, unique_name: str) -> Configuration | None:
    return _one(tx, _own(account_id, api).where(TABLE.c.unique_name == unique_name))


def replace(tx: sa.Connection, configuration: Configuration) -> None:
    """Raises sqlalchemy's IntegrityError when the unique name is taken."""
    tx.execute(
        TABLE.update()
        .where(TABLE.c.id == configuration.id)
        .values(unique_name=configuration.unique_name, wire=configuration.wire, updated_at=configuration.updated_at)
    )


def delete(tx: sa.Connection, account_id: UUID, api: str, configuration_id: UUID) -> bool:
    own = (TABLE.c.account_id == account_id) & (TABLE.c.api == api) & (TABLE.c.id == configuration_id)
    return tx.execute(TABLE.delete().where(own)).rowcount == 1


def page(
    tx: sa.Connection,
    account_id: UUID,
    api: str,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[Configuration]:
    """In order of creation, behind the one whose (created_at, id) is `at`; or those just in front of it."""
    query = part(_own(account_id, api), TABLE, at, limit, newest_first=False, backwards=backwards)
    found = [_read(row) for row in tx.execute(query)]
    return found[::-1] if backwards else found


def _own(account_id: UUID, api: str) -> sa.Select[Any]:
    return sa.select(TABLE).where(TABLE.c.account_id == account_id, TABLE.c.api == api)


def _one(tx: sa.Connection, query: sa.Select[Any]) -> Configuration | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else _read(row)


def _read(row: sa.Row[Any]) -> Configuration:
    return Configuration(**row._mapping)
