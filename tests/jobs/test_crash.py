"""What kills and frozen processes do to jobs: nothing that anybody could see. Each test runs real worker processes."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa

import jobs_toy
from jobs_toy import LEASE_S, PIECES, RESULTS, Mark, Marks
from polyscribe.jobs import engine
from polyscribe.jobs.queue import DurableQueue
from polyscribe.storage.database import Database

PATIENCE_S = 40.0
STEPS = ["fetch", *(f"piece-{number}" for number in range(PIECES)), "store"]
SLOTS = 3


@pytest.fixture(scope="session")
def launcher() -> ForkServerContext:
    """Starts processes that have the job engine imported already, which takes more than a second each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dbos", "jobs_toy"])
    return context


class House:
    """A database, a folder and the worker processes on them."""

    def __init__(self, database: Database, folder: Path, launcher: ForkServerContext, step_s: float) -> None:
        self.database = database
        self.marks = Marks(folder)
        self.workers: list[ForkServerProcess] = []
        self._everyone: list[ForkServerProcess] = []
        self._launcher = launcher
        self._folder = folder
        self._step_s = step_s
        self.max_recoveries = 20
        self._queue = DurableQueue(database)
        self._jobs = engine.client(database)

    def launch(self) -> ForkServerProcess:
        """A worker that will begin to work."""
        process = self._launcher.Process(
            target=jobs_toy.work,
            args=(self.database.url, str(self._folder), self._step_s, self.max_recoveries),
        )
        process.start()
        self.workers.append(process)
        self._everyone.append(process)
        return process

    def start(self) -> ForkServerProcess:
        """A worker that has begun to work."""
        process = self.launch()
        self.wait(lambda: any(mark.what == "up" and mark.pid == process.pid for mark in self.marks.all()))
        return process

    def kill(self, process: ForkServerProcess) -> None:
        process.kill()
        process.join()
        self.workers.remove(process)

    def freeze(self, process: ForkServerProcess) -> None:
        """Stop it at a moment when it holds no lock of the database, which would stop everybody."""
        while True:
            os.kill(process.pid or 0, signal.SIGSTOP)
            if not self._is_locked():
                return
            os.kill(process.pid or 0, signal.SIGCONT)
            time.sleep(0.01)

    def _is_locked(self) -> bool:
        with self.database.engine.connect() as connection:
            if not self.database.is_sqlite:
                writers = "from pg_stat_activity where datname = current_database() and backend_xid is not null"
                return bool(connection.exec_driver_sql(f"select count(*) {writers}").scalar())
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except sa.exc.OperationalError:
                return True
            finally:
                connection.invalidate()
            return False

    def drop_connections(self) -> None:
        others = sa.text(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        with self.database.engine.connect() as connection:
            connection.execute(others)

    def put(self, *keys: str, flow: str = "toy", wait_s: float = 0.0) -> None:
        for number, key in enumerate(keys):
            with self.database.transaction() as tx:
                self._queue.put(tx, flow, key, tenant=f"tenant {number % 2}", wait_s=wait_s)

    def cancel(self, key: str) -> None:
        self._queue.cancel("toy", key)

    def status(self, key: str, flow: str = "toy") -> str | None:
        found = self._jobs.list_workflows(workflow_ids=[engine.job_id(flow, key)])
        return found[0].status if found else None

    def begun(self, key: str, step: str) -> bool:
        return any(mark.what == "begin" and (mark.key, mark.step) == (key, step) for mark in self.marks.all())

    def steps(self, key: str, what: str) -> list[Mark]:
        return [mark for mark in self.marks.all() if mark.what == what and mark.key == key]

    def wait(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < until, f"it never happened; {self.marks.all()[-20:]}"
            time.sleep(0.03)

    def wait_for(self, *keys: str) -> None:
        self.wait(lambda: all(self.status(key) == "SUCCESS" for key in keys))

    def check(self, *keys: str, kills: int) -> None:
        """Every job finished exactly once, with all its steps, and nothing of it was done after that."""
        with self.database.reading() as tx:
            results = sorted(tuple(row) for row in tx.execute(sa.select(RESULTS.c.key, RESULTS.c.text)))
        whole = " ".join(STEPS[1:-1])
        assert results == sorted((key, whole) for key in keys)
        for key in keys:
            ends = self.steps(key, "end")
            assert {mark.step for mark in ends} == set(STEPS)
            stored = min(mark.at_s for mark in ends if mark.step == "store")
            assert [mark for mark in self.steps(key, "begin") if mark.at_s > stored and mark.step != "store"] == []
        # Between the end of a step and its being remembered a kill can cost that step once more, per job at work.
        again = sum((Counter((mark.key, mark.step) for key in keys for mark in self.steps(key, "end"))).values())
        assert again - len(keys) * len(STEPS) <= kills * SLOTS

    def end(self) -> None:
        for process in self._everyone:
            if process.is_alive():
                os.kill(process.pid or 0, signal.SIGCONT)
                process.kill()
            process.join()
            process.close()


@pytest.fixture
def house(database: Database, tmp_path: Path, launcher: ForkServerContext) -> Iterator[House]:
    with database.transaction() as tx:
        RESULTS.drop(tx, checkfirst=True)
        RESULTS.create(tx)
    house = House(database, tmp_path, launcher, step_s=0.05)
    yield house
    house.end()


def test_workers_that_are_killed_at_any_moment_lose_nothing_and_double_nothing(house: House) -> None:
    chance = random.Random(20261120)
    keys = [f"kill-{number}" for number in range(10)]
    house.start()
    house.start()
    house.put(*keys)

    for _ in range(4):
        time.sleep(chance.uniform(0.1, 0.5))
        house.kill(chance.choice(house.workers))
        house.start()
    house.wait_for(*keys)

    house.check(*keys, kills=4)


def test_jobs_survive_the_death_of_all_workers(house: House) -> None:
    keys = [f"all-{number}" for number in range(5)]
    house.start()
    house.start()
    house.put(*keys)
    house.wait(lambda: house.begun(keys[0], "piece-1"))

    house.kill(house.workers[0])
    house.kill(house.workers[0])
    house.start()
    house.wait_for(*keys)

    house.check(*keys, kills=2)


def test_the_work_of_a_worker_that_never_returns_is_taken_over(house: House) -> None:
    keys = [f"gone-{number}" for number in range(5)]
    gone = house.start()
    house.put(*keys)
    house.wait(lambda: len(house.marks.all()) > 4)
    house.start()

    house.kill(gone)
    house.wait_for(*keys)

    house.check(*keys, kills=1)


def test_a_worker_that_was_frozen_longer_than_its_lease_comes_back_and_doubles_nothing(house: House) -> None:
    keys = [f"frozen-{number}" for number in range(SLOTS)]
    frozen = house.start()
    house.put(*keys)
    house.wait(lambda: all(house.begun(key, "fetch") for key in keys))
    house.freeze(frozen)
    other = house.start()
    house.wait(lambda: any(mark.pid == other.pid for key in keys for mark in house.steps(key, "begin")))

    os.kill(frozen.pid or 0, signal.SIGCONT)
    house.wait_for(*keys)
    time.sleep(LEASE_S)

    house.check(*keys, kills=1)


def test_a_worker_that_is_asked_to_end_hands_its_jobs_over_between_two_steps(house: House) -> None:
    keys = [f"asked-{number}" for number in range(4)]
    first = house.start()
    house.put(*keys)
    house.wait(lambda: house.begun(keys[0], "piece-0"))

    os.kill(first.pid or 0, signal.SIGTERM)
    first.join()
    house.start()
    house.wait_for(*keys)

    assert first.exitcode == 0
    house.check(*keys, kills=0)


def test_a_job_that_kills_its_worker_is_given_up_and_reported_while_others_go_on(house: House) -> None:
    house.max_recoveries = 2
    house.put("bad", flow="poison")
    house.put("good")
    house.start()

    def is_reported() -> bool:
        for process in [process for process in house.workers if not process.is_alive()]:
            house.workers.remove(process)
        if not house.workers:
            house.launch()
        return any(mark.what == "lost" and mark.key == "bad" for mark in house.marks.all())

    house.wait(is_reported)
    house.wait(lambda: house.status("bad", flow="poison") is None)
    house.wait_for("good")

    house.check("good", kills=3)


def test_a_cancelled_job_stays_cancelled_when_its_worker_dies(house: House) -> None:
    first = house.start()
    house.put("cancelled")
    house.wait(lambda: house.begun("cancelled", "fetch"))
    house.cancel("cancelled")
    house.kill(first)

    house.put("last")
    house.start()
    house.wait_for("last")

    assert house.status("cancelled") == "CANCELLED"
    house.check("last", kills=1)


def test_a_delayed_job_survives_the_death_of_its_worker_and_keeps_its_time(house: House) -> None:
    first = house.start()
    due_s = time.time() + 1.0
    house.put("delayed", wait_s=1.0)
    house.kill(first)
    house.start()

    house.wait_for("delayed")

    assert house.steps("delayed", "begin")[0].at_s >= due_s - 0.01
    house.check("delayed", kills=0)


def test_a_database_that_drops_its_connections_costs_no_job(house: House) -> None:
    if house.database.is_sqlite:
        pytest.skip("SQLite has no connections to drop")
    keys = [f"dropped-{number}" for number in range(6)]
    house.start()
    house.put(*keys)

    for number in range(3):
        house.wait(lambda at=number: house.begun(keys[0], f"piece-{at}"))
        house.drop_connections()
    house.wait_for(*keys)

    house.check(*keys, kills=3)
