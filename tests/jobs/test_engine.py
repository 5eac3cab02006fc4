"""The tables of the job engine beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import KINDS, fresh
from polyscribe.jobs import engine
from polyscribe.jobs.engine import Job
from polyscribe.storage import database as storage
from polyscribe.storage.database import Database


@pytest.fixture(params=KINDS)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with fresh(request.param, tmp_path) as url:
        database = Database(url)
        yield database
        database.close()


def test_processes_that_start_together_make_the_tables_once(bare: Database) -> None:
    was_current = engine.is_current(bare)
    starters = [Database(bare.url) for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(engine.upgrade, starters))

    assert (was_current, engine.is_current(bare)) == (False, True)
    for starter in starters:
        starter.close()


def test_our_migrations_leave_the_tables_of_the_engine_alone(bare: Database) -> None:
    engine.upgrade(bare)

    storage.upgrade(bare)

    assert engine.is_current(bare)
    assert storage.is_current(bare)


def test_upgrading_twice_changes_nothing(bare: Database) -> None:
    engine.upgrade(bare)
    before = sa.inspect(bare.engine).get_table_names()

    engine.upgrade(bare)

    assert sa.inspect(bare.engine).get_table_names() == before


def test_a_job_knows_its_flow_and_its_key() -> None:
    job = Job(engine.job_id("flow", "a:key"))

    assert (job.flow, job.key) == ("flow", "a:key")
