"""Which worker processes live: each writes down now and then that it does. All times are the database's own clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polyscribe.storage.tables import executors

TABLE = executors
SEEN_AT = sa.type_coerce(TABLE.c.seen_at, sa.BigInteger)


@dataclass(frozen=True, slots=True)
class Executor:
    """A worker process; `silent_s` is how long ago it was seen. Only processes of `host` can judge `lock_file`."""

    id: str
    host: str
    lock_file: str | None
    silent_s: float


def beat(tx: sa.Connection, executor_id: str, host: str, lock_file: str | None) -> float | None:
    """Write down that it lives; how long it had been silent, in seconds, or None if it was not known."""
    now = _now(tx)
    seen = tx.execute(sa.select(now - SEEN_AT).where(TABLE.c.id == executor_id)).scalar_one_or_none()
    if seen is None:
        tx.execute(TABLE.insert().values(id=executor_id, host=host, lock_file=lock_file, seen_at=now))
        return None
    tx.execute(TABLE.update().where(TABLE.c.id == executor_id).values(seen_at=now))
    return float(seen) / 1e6


def known(tx: sa.Connection) -> list[Executor]:
    query = sa.select(TABLE.c.id, TABLE.c.host, TABLE.c.lock_file, _now(tx) - SEEN_AT).order_by(TABLE.c.id)
    return [Executor(row[0], row[1], row[2], float(row[3]) / 1e6) for row in tx.execute(query)]


def forget(tx: sa.Connection, executor_ids: Collection[str]) -> None:
    """Idempotent."""
    tx.execute(TABLE.delete().where(TABLE.c.id.in_(executor_ids)))


def _now(tx: sa.Connection) -> sa.ColumnElement[Any]:
    if tx.dialect.name == "sqlite":
        text = "cast((julianday('now') - 2440587.5) * 86400000 as integer) * 1000"
    else:
        text = "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"
    return sa.literal_column(text, sa.BigInteger)
