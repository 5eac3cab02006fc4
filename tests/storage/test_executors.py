"""Who was seen when, by the clock of the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import KINDS, fresh
from polyscribe.storage import executors
from polyscribe.storage.database import Database, upgrade


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with fresh(request.param, tmp_path) as url:
        database = Database(url)
        upgrade(database)
        yield database
        database.close()


def test_the_first_beat_of_a_process_makes_it_known(database: Database) -> None:
    with database.transaction() as tx:
        silent_s = executors.beat(tx, "one", "here", "/lock")

        found = executors.known(tx)

    assert silent_s is None
    assert [(executor.id, executor.host, executor.lock_file) for executor in found] == [("one", "here", "/lock")]


def test_a_beat_tells_how_long_it_had_been_silent(database: Database) -> None:
    with database.transaction() as tx:
        executors.beat(tx, "one", "here", None)
        tx.execute(executors.TABLE.update().values(seen_at=executors.SEEN_AT - 300_000_000))

    with database.transaction() as tx:
        first, second = (executors.beat(tx, "one", "here", None) for _ in range(2))

    assert first is not None
    assert second is not None
    assert 300 <= first < 360
    assert second < 60


def test_who_is_forgotten_is_not_known_and_others_are(database: Database) -> None:
    with database.transaction() as tx:
        for name in ("one", "two", "three"):
            executors.beat(tx, name, "here", None)

        executors.forget(tx, ["one", "two", "nobody"])

        assert [executor.id for executor in executors.known(tx)] == ["three"]
