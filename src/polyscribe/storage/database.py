"""Connections and transactions, on SQLite or PostgreSQL. Knows no table; the modules beside it do.

On SQLite one process writes with one thread at a time: waiting for a lock of our own is fair and short, waiting in
SQLite's busy handler is neither (measured: a tenth of the 99th percentile).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from polyscribe.domain.errors import StoreFailed

BUSY_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 60
UNIXEPOCH_SINCE = (3, 42)
"""The SQLite version that brought `unixepoch('subsec')`, on which the tables of the job engine rely."""

SQLITE_TRANSIENT = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL")
MIGRATION_LOCK = 0x706F6C7973637269
"""Key of the advisory lock that serialises migrations on PostgreSQL (any constant of our own)."""


def make_engine(url: str) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql://…`, connecting on first use.

    The job engine shares it, and relies on SQLite beginning every write with BEGIN IMMEDIATE.
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = sa.create_engine(address, pool_size=16, max_overflow=16, pool_timeout=BUSY_TIMEOUT_S)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = sa.create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=16,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    if sqlite3.sqlite_version_info < UNIXEPOCH_SINCE:
        connection.create_function("unixepoch", -1, lambda *_: time.time())
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: Any) -> None:
    # A process that is frozen in the middle of a transaction must not hold its locks for ever.
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'")
    connection.commit()


class Database:
    """One database, its pool of connections and, on SQLite, the turn of its writers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writers = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing: committed when the block ends, rolled back when it raises. Not to be nested.

        Raises:
            StoreFailed: the database did not answer or dropped the connection; whether a commit that was under
                way took effect is then unknown.
        """
        with self.lent() as engine, engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def lent(self) -> Iterator[sa.Engine]:
        """The engine, for one write by code that opens its own transaction (the job engine). Same turn, same errors.

        Raises:
            StoreFailed: as `transaction`.
        """
        with self._turn(), translated():
            yield self.engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """For reads only; waits for nobody. On SQLite all statements of the block see one state.

        Raises:
            StoreFailed: the database did not answer or dropped the connection.
        """
        with translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    def close(self) -> None:
        """Close the connections of the pool; the object stays usable."""
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if getattr(self._thread, "writing", False):
            raise RuntimeError("a transaction is open in this thread already; pass it on instead")
        if self.is_sqlite and not self._writers.acquire(timeout=BUSY_TIMEOUT_S):
            raise StoreFailed("The database is too busy.")
        self._thread.writing = True
        try:
            yield
        finally:
            self._thread.writing = False
            if self.is_sqlite:
                self._writers.release()


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the database's driver raises in the block, when another try can help, into StoreFailed."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StoreFailed("The database is too busy.") from error
    except sa.exc.DBAPIError as error:
        if not _is_transient(error):
            raise
        raise StoreFailed("The database did not answer.") from error


def _is_transient(error: sa.exc.DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return str(getattr(error.orig, "sqlite_errorname", "")).startswith(SQLITE_TRANSIENT)
    return isinstance(error.orig, (psycopg.OperationalError, psycopg.InterfaceError))


def upgrade(database: Database) -> None:
    """Bring our own tables up to date, in one transaction. Processes that start together take turns.

    Raises:
        StoreFailed: the database did not answer.
    """
    with translated(), database.engine.connect() as connection:
        if database.is_sqlite:
            _upgrade_sqlite(connection)
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            command.upgrade(_configuration(connection), "head")
            connection.commit()


def _upgrade_sqlite(connection: sa.Connection) -> None:
    # Rebuilding a table drops it, which would delete what refers to it. The pragma does nothing inside a transaction.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(_configuration(connection), "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"the migration broke {len(broken)} references; nothing was changed")
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")


def is_current(database: Database) -> bool:
    """Whether our own tables are exactly those of this release.

    Raises:
        StoreFailed: the database did not answer.
    """
    with database.reading() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
        return set(heads) == set(ScriptDirectory.from_config(_configuration(connection)).get_heads())


def _configuration(connection: sa.Connection) -> Config:
    configuration = Config(attributes={"connection": connection})
    configuration.set_main_option("script_location", "polyscribe.storage:migrations")
    configuration.set_main_option("path_separator", "os")
    return configuration
