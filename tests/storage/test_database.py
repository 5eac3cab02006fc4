"""Transactions, their turns and failures, and migrations, on both kinds of database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from databases import KINDS, fresh
from polyscribe.domain.errors import StoreFailed
from polyscribe.storage.database import Database, is_current, upgrade
from polyscribe.storage.tables import metadata

NOTES = sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with fresh(request.param, tmp_path) as url:
        database = Database(url)
        with database.transaction() as tx:
            NOTES.create(tx)
        yield database
        database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    yield database
    database.close()


def texts(database: Database) -> list[str]:
    with database.reading() as tx:
        return list(tx.execute(sa.select(NOTES.c.text).order_by(NOTES.c.id)).scalars())


def test_a_transaction_is_kept_when_its_block_ends(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text="kept"))

    assert texts(database) == ["kept"]


def test_a_transaction_is_undone_when_its_block_raises(database: Database) -> None:
    with pytest.raises(LookupError):
        _write_and_raise(database)

    assert texts(database) == []


def _write_and_raise(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text="undone"))
        raise LookupError


def test_transactions_of_many_threads_lose_nothing(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text=""))

    def append(_: int) -> None:
        with database.transaction() as tx:
            text = tx.execute(sa.select(NOTES.c.text).where(NOTES.c.id == 1).with_for_update()).scalar_one()
            tx.execute(NOTES.update().where(NOTES.c.id == 1).values(text=text + "x"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(40)))

    assert texts(database) == ["x" * 40]


def test_reading_does_not_wait_for_a_writer(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text="uncommitted"))

        with ThreadPoolExecutor(1) as pool:
            seen = pool.submit(texts, database).result(timeout=10)

    assert seen == []


def test_reading_on_sqlite_sees_one_state(sqlite: Database) -> None:
    with sqlite.transaction() as tx:
        NOTES.create(tx)

    with sqlite.reading() as tx:
        before = tx.execute(sa.select(sa.func.count()).select_from(NOTES)).scalar()
        other = threading.Thread(target=_write_one, args=(sqlite,))
        other.start()
        other.join()
        after = tx.execute(sa.select(sa.func.count()).select_from(NOTES)).scalar()

    assert (before, after, texts(sqlite)) == (0, 0, ["one"])


def _write_one(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text="one"))


def test_a_transaction_inside_a_transaction_is_a_mistake_that_says_so(database: Database) -> None:
    with (
        pytest.raises(RuntimeError, match="already"),
        database.transaction(),
        database.transaction(),
    ):
        pass


def test_sqlite_survives_a_power_cut_and_checks_references(sqlite: Database) -> None:
    with sqlite.reading() as tx:
        pragmas = {
            name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_sqlite_knows_the_function_that_the_job_engine_needs(sqlite: Database) -> None:
    with sqlite.reading() as tx:
        now = tx.exec_driver_sql("SELECT unixepoch('subsec')").scalar_one()

    assert now > 1_700_000_000


def test_a_dropped_connection_is_worth_another_try(tmp_path: Path) -> None:
    with fresh("postgresql", tmp_path) as url:
        database = Database(url)
        with pytest.raises(StoreFailed) as caught:
            _cut_the_own_connection(database)
        with database.reading() as tx:
            again = tx.execute(sa.text("select 1")).scalar_one()
        database.close()

    assert caught.value.retryable
    assert again == 1


def _cut_the_own_connection(database: Database) -> None:
    with database.transaction() as tx:
        backend = tx.execute(sa.text("select pg_backend_pid()")).scalar_one()
        with database.engine.connect() as other:
            other.execute(sa.select(sa.func.pg_terminate_backend(backend)))
        tx.execute(sa.text("select 1"))


def test_a_database_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    nowhere = Database(f"sqlite:///{tmp_path / 'missing' / 'own.db'}")

    with pytest.raises(StoreFailed), nowhere.reading():
        pass


def test_a_mistake_in_the_question_is_not_called_a_failure_of_the_store(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError), database.reading() as tx:
        tx.execute(sa.text("select * from nothing_of_that_name"))


def test_upgrading_makes_exactly_the_tables_that_the_code_knows(database: Database) -> None:
    was_current = is_current(database)

    upgrade(database)

    with database.engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"include_object": _of_ours}), metadata
        )
    assert (was_current, is_current(database), differences) == (False, True, [])


def _of_ours(_object: object, name: str | None, kind: str, reflected: bool, _compared: object) -> bool:
    return not (kind == "table" and reflected and name not in metadata.tables)


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    upgrade(database)
    with database.reading() as tx:
        before = sorted(sa.inspect(tx).get_table_names())

    upgrade(database)

    with database.reading() as tx:
        assert sorted(sa.inspect(tx).get_table_names()) == before


def test_processes_that_start_together_upgrade_once(database: Database) -> None:
    starters = [Database(database.url) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, starters))

    assert is_current(database)
    for starter in starters:
        starter.close()


def test_upgrading_leaves_foreign_tables_alone(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(NOTES.insert().values(id=1, text="not ours"))

    upgrade(database)

    assert texts(database) == ["not ours"]


def test_references_are_checked_again_after_an_upgrade(sqlite: Database) -> None:
    upgrade(sqlite)

    with sqlite.reading() as tx:
        assert tx.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
