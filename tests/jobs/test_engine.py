"""The tables of the job engine beside ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import KINDS, fresh
from polyscribe.jobs import engine
from polyscribe.jobs.engine import Job
from polyscribe.jobs.queue import DurableQueue
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


def claimed(database: Database, key: str, begun: int) -> Job:
    """A job that a worker now dead had begun, so many times in all."""
    with database.transaction() as tx:
        DurableQueue(database).put(tx, "flow", key, tenant="t")
    view = engine.client(database)
    status = view._sys_db.tables.workflow_status
    job = Job(engine.job_id("flow", key), "dead")
    with view._sys_db.engine.begin() as connection:
        connection.execute(
            sa.update(status)
            .where(status.c.workflow_uuid == job.id)
            .values(status="PENDING", executor_id="dead", recovery_attempts=begun, started_at_epoch_ms=1)
        )
    return job


def test_what_died_with_its_worker_again_and_again_waits(database: Database) -> None:
    view = engine.client(database)
    jobs = [claimed(database, f"begun {begun}", begun) for begun in range(1, 6)]

    count = engine.give_back(view, jobs)
    engine.hold_back(view, jobs, first_wait_s=100.0)

    now_ms = time.time() * 1000
    found = {each.workflow_id: each for each in view.list_workflows(workflow_ids=[job.id for job in jobs])}
    waits_s = [((found[job.id].delay_until_epoch_ms or now_ms) - now_ms) / 1000 for job in jobs]
    assert count == 5
    assert [found[job.id].status for job in jobs] == ["ENQUEUED", "ENQUEUED", "DELAYED", "DELAYED", "DELAYED"]
    assert all(45 <= wait_s <= 180 for wait_s in waits_s[2:])


def test_what_another_worker_has_by_now_is_not_given_back(database: Database) -> None:
    job = claimed(database, "taken", 1)

    count = engine.give_back(engine.client(database), [Job(job.id, "somebody else")])

    assert count == 0
    assert job in engine.running(engine.client(database))
