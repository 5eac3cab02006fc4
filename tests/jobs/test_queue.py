"""Putting and cancelling, without anybody who works. What becomes of jobs is in test_worker."""

from __future__ import annotations

import subprocess
import sys

import pytest

from polyscribe.domain.errors import StoreFailed
from polyscribe.jobs import engine
from polyscribe.jobs.queue import DurableQueue
from polyscribe.storage.database import Database


def status(database: Database, key: str) -> str | None:
    found = engine.client(database).list_workflows(workflow_ids=[engine.job_id("flow", key)])
    return found[0].status if found else None


def test_a_job_is_there_when_the_transaction_is(database: Database) -> None:
    with database.transaction() as tx:
        DurableQueue(database).put(tx, "flow", "committed", tenant="t")

    assert status(database, "committed") == "ENQUEUED"


def test_a_job_of_a_transaction_that_was_rolled_back_does_not_exist(database: Database) -> None:
    with pytest.raises(LookupError):
        _put_and_raise(database, "undone")

    assert status(database, "undone") is None


def _put_and_raise(database: Database, key: str) -> None:
    with database.transaction() as tx:
        DurableQueue(database).put(tx, "flow", key, tenant="t")
        raise LookupError


def test_a_job_that_was_cancelled_is_not_put_again(database: Database) -> None:
    queue = DurableQueue(database)
    with database.transaction() as tx:
        queue.put(tx, "flow", "cancelled", tenant="t")
    queue.cancel("flow", "cancelled")

    with database.transaction() as tx:
        queue.put(tx, "flow", "cancelled", tenant="t")

    assert status(database, "cancelled") == "CANCELLED"


def test_cancelling_inside_a_transaction_is_a_mistake_that_says_so(database: Database) -> None:
    with pytest.raises(RuntimeError, match="already"), database.transaction():
        DurableQueue(database).cancel("flow", "k")


def test_a_cancellation_that_did_not_reach_the_database_is_worth_another_try() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(StoreFailed):
        DurableQueue(nowhere).cancel("flow", "k")


def test_the_job_engine_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, polyscribe.jobs.queue, polyscribe.jobs.worker; sys.exit('dbos' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
