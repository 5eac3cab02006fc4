"""Jobs from put to done in one process; what happens when processes die is in test_crash."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from polyscribe.domain.errors import (
    EngineFailed,
    EngineFault,
    FetchFailed,
    FetchFault,
    NotFound,
    SourceFailed,
    StoreFailed,
)
from polyscribe.domain.errors import SourceFault as Fault
from polyscribe.jobs import engine
from polyscribe.jobs.queue import DurableQueue
from polyscribe.jobs.worker import Worker
from polyscribe.ports import Flow, Steps
from polyscribe.storage import executors
from polyscribe.storage.database import Database, upgrade

PATIENCE_S = 20.0


class Diary:
    """What the flows of a test did, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> str:
        self.lines.append(line)
        return line

    def wait(self, line: str) -> None:
        eventually(lambda: line in self.lines, f"no {line!r} in {self.lines}")


def eventually(holds: Callable[[], bool], otherwise: str = "it never happened") -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def queue(database: Database) -> DurableQueue:
    return DurableQueue(database)


@pytest.fixture
def working(database: Database, tmp_path: Path) -> Callable[..., Iterator[Worker]]:
    @contextmanager
    def working(flows: Mapping[str, Flow], slots: int = 4, **options: object) -> Iterator[Worker]:
        worker = Worker(database, flows, slots, tmp_path, poll_s=0.05, lease_s=1.0, first_wait_s=0.01, **options)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()

    return working


def put(database: Database, queue: DurableQueue, flow: str, *keys: str, tenant: str = "t", **options: float) -> None:
    with database.transaction() as tx:
        for key in keys:
            queue.put(tx, flow, key, tenant=tenant, **options)


def status(database: Database, flow: str, key: str) -> str | None:
    found = engine.client(database).list_workflows(workflow_ids=[engine.job_id(flow, key)])
    return found[0].status if found else None


def test_a_job_runs_its_flow_for_its_key(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, f"hello {key}")

    put(database, queue, "greet", "you")

    with working({"greet": flow}):
        diary.wait("hello you")
        eventually(lambda: status(database, "greet", "you") == "SUCCESS")


def test_the_same_flow_and_key_is_one_job(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "once", "k")
    put(database, queue, "once", "k")

    with working({"once": flow}):
        eventually(lambda: status(database, "once", "k") == "SUCCESS")
        put(database, queue, "once", "k", "other")
        eventually(lambda: status(database, "once", "other") == "SUCCESS")

    assert diary.lines == ["k", "other"]


def test_a_job_waits_as_long_as_it_was_told(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "patient", "late", wait_s=1.5)
    put(database, queue, "patient", "now")

    with working({"patient": flow}):
        diary.wait("now")
        assert status(database, "patient", "late") == "DELAYED"
        diary.wait("late")


def test_the_first_priority_of_a_tenant_comes_first(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "sorted", "second", priority=20)
    put(database, queue, "sorted", "third", priority=30)
    put(database, queue, "sorted", "first", priority=10)

    with working({"sorted": flow}, slots=1):
        diary.wait("third")

    assert diary.lines == ["first", "second", "third"]


def test_a_tenant_does_not_wait_for_all_the_work_of_another(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    crowd = [f"crowd {number}" for number in range(60)]
    put(database, queue, "fair", *crowd, tenant="crowd")
    put(database, queue, "fair", "alone", tenant="alone")

    with working({"fair": flow}, slots=2):
        diary.wait("alone")
        before = len(diary.lines)

    assert before < len(crowd)


def test_a_result_is_the_same_thing_now_as_when_it_is_remembered(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        diary.write(repr(await steps.run("pair", lambda: {"pair": (1, 2)})))

    put(database, queue, "plain", "k")

    with working({"plain": flow}):
        diary.wait("{'pair': [1, 2]}")


def test_what_can_be_retried_is_tried_again(database, queue, working, diary):
    def fetch() -> str:
        if len(diary.lines) < 3:
            diary.write("try")
            raise FetchFailed(FetchFault.UNAVAILABLE, "Not now.", 503)
        return "fetched"

    async def flow(steps: Steps, key: str) -> None:
        diary.write(await steps.run("fetch", fetch))

    put(database, queue, "stubborn", "k")

    with working({"stubborn": flow}):
        diary.wait("fetched")

    assert diary.lines == ["try", "try", "try", "fetched"]


def test_what_stays_broken_is_raised_in_the_flow_with_its_facts(database, queue, working, diary):
    def fetch() -> None:
        diary.write("try")
        raise FetchFailed(FetchFault.UNAVAILABLE, "Not now.", 503)

    async def flow(steps: Steps, key: str) -> None:
        try:
            await steps.run("fetch", fetch)
        except FetchFailed as error:
            diary.write(f"{error.fault} {error.status} {error.message}")

    put(database, queue, "hopeless", "k")

    with working({"hopeless": flow}):
        diary.wait("unavailable 503 Not now.")

    assert diary.lines.count("try") == 5


def test_what_cannot_be_retried_is_raised_at_once(database, queue, working, diary):
    def decode() -> None:
        diary.write("try")
        raise SourceFailed(Fault.CORRUPT, "Broken.")

    async def flow(steps: Steps, key: str) -> None:
        try:
            await steps.run("decode", decode)
        except SourceFailed as error:
            diary.write(error.fault)

    put(database, queue, "broken", "k")

    with working({"broken": flow}):
        diary.wait("corrupt")

    assert diary.lines == ["try", "corrupt"]


def test_a_flow_that_goes_on_elsewhere_meets_the_same_results_and_errors_without_repeating_steps(
    database, queue, working, diary
):
    gate = threading.Event()

    def recognise() -> None:
        diary.write("recognise")
        raise EngineFailed(EngineFault.UNINTELLIGIBLE, "No words.")

    async def flow(steps: Steps, key: str) -> None:
        value = await steps.run("first", diary.write, "first")
        try:
            await steps.run("second", recognise)
        except EngineFailed as error:
            await steps.run("third", gate.wait, PATIENCE_S)
            diary.write(f"{value} {error.fault}")

    put(database, queue, "moving", "k")
    with working({"moving": flow}) as before:
        diary.wait("recognise")
        gate.set()
        before.drain(PATIENCE_S)

    with working({"moving": flow}):
        diary.wait("first unintelligible")

    assert diary.lines == ["first", "recognise", "first unintelligible"]


def test_a_cancelled_job_takes_no_further_step(database, queue, working, diary):
    gate = threading.Event()

    def hold() -> None:
        diary.write("begun")
        gate.wait(PATIENCE_S)

    async def flow(steps: Steps, key: str) -> None:
        await steps.run("hold", hold)
        await steps.run("next", diary.write, "too far")

    put(database, queue, "wanted", "k")

    with working({"wanted": flow}, slots=1) as worker:
        diary.wait("begun")
        queue.cancel("wanted", "k")
        # While the step still runs in its thread, the job is gone from the worker.
        eventually(lambda: not worker._begun)
        gate.set()
        put(database, queue, "wanted", "last")
        eventually(lambda: "too far" in diary.lines)

    assert diary.lines == ["begun", "begun", "too far"]
    assert status(database, "wanted", "k") == "CANCELLED"


def test_a_cancelled_job_that_has_not_begun_never_begins(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "unwanted", "queued")
    put(database, queue, "unwanted", "delayed", wait_s=0.5)
    queue.cancel("unwanted", "queued")
    queue.cancel("unwanted", "delayed")
    put(database, queue, "unwanted", "last", wait_s=1.5)

    with working({"unwanted": flow}):
        diary.wait("last")

    assert diary.lines == ["last"]


def test_cancelling_what_is_unknown_or_done_changes_nothing(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "done", "k")
    with working({"done": flow}):
        eventually(lambda: status(database, "done", "k") == "SUCCESS")

    queue.cancel("done", "k")
    queue.cancel("done", "nobody")

    assert status(database, "done", "k") == "SUCCESS"


def test_a_job_that_its_flow_did_not_see_to_is_reported_as_lost(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        raise LookupError("a mistake of ours")

    put(database, queue, "mistaken", "k:1")

    with working({"mistaken": flow}, on_lost=lambda flow, key: diary.write(f"{flow} {key}")):
        diary.wait("mistaken k:1")
        eventually(lambda: status(database, "mistaken", "k:1") is None)


def test_a_loss_that_could_not_be_noted_is_reported_again(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        raise LookupError("a mistake of ours")

    def note(flow: str, key: str) -> None:
        diary.write(key)
        if len(diary.lines) == 1:
            raise StoreFailed("Not now.")

    put(database, queue, "unlucky", "k")

    with working({"unlucky": flow}, on_lost=note):
        eventually(lambda: status(database, "unlucky", "k") is None)

    assert diary.lines == ["k", "k"]


def test_draining_gives_unfinished_jobs_back_and_leaves_no_trace_of_the_worker(database, queue, working, diary):
    gate = threading.Event()

    def hold() -> None:
        diary.write("begun")
        gate.wait(PATIENCE_S)

    async def flow(steps: Steps, key: str) -> None:
        await steps.run("hold", hold)
        await steps.run("next", diary.write, "too far")

    put(database, queue, "drained", "k")
    with working({"drained": flow}) as worker:
        diary.wait("begun")
        threading.Timer(0.3, gate.set).start()

        assert worker.drain(PATIENCE_S)

    with database.reading() as tx:
        assert executors.known(tx) == []
    assert status(database, "drained", "k") == "ENQUEUED"
    assert diary.lines == ["begun"]


def test_draining_says_when_a_step_did_not_get_to_its_end_and_leaves_its_job_to_be_taken_over(
    database, queue, working, diary
):
    gate = threading.Event()

    def hold() -> None:
        diary.write("begun")
        gate.wait(PATIENCE_S)

    async def flow(steps: Steps, key: str) -> None:
        await steps.run("hold", hold)

    put(database, queue, "stuck", "k")
    with working({"stuck": flow}) as worker:
        diary.wait("begun")

        assert not worker.stop()

    assert status(database, "stuck", "k") == "PENDING"
    gate.set()


def test_finished_jobs_are_forgotten_after_a_while(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "old", "k")
    with working({"old": flow}):
        eventually(lambda: status(database, "old", "k") == "SUCCESS")

    engine.forget_finished(engine.client(database), datetime.now(UTC) + timedelta(seconds=2))

    assert status(database, "old", "k") is None


def test_finished_jobs_are_kept_for_a_while(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        await steps.run("write", diary.write, key)

    put(database, queue, "fresh", "k")
    with working({"fresh": flow}):
        eventually(lambda: status(database, "fresh", "k") == "SUCCESS")

    engine.forget_finished(engine.client(database), datetime.now(UTC) - timedelta(hours=1))

    assert status(database, "fresh", "k") == "SUCCESS"


def test_a_worker_gives_up_on_a_database_that_does_not_start(tmp_path):
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(StoreFailed):
        Worker(database, {}, 1, tmp_path).start(patience_s=0)


def test_a_worker_does_not_change_the_tables_of_the_engine_itself(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'own.db'}")
    upgrade(database)
    worker = Worker(database, {}, 1, tmp_path)

    with pytest.raises(StoreFailed, match="not up to date"):
        worker.start(patience_s=0)

    assert not engine.is_current(database)
    database.close()


def test_a_loss_about_which_nothing_can_be_done_is_not_reported_for_ever(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        raise LookupError("a mistake of ours")

    def note(flow: str, key: str) -> None:
        diary.write(key)
        raise NotFound("It was deleted.")

    put(database, queue, "deleted", "k")

    with working({"deleted": flow}, on_lost=note):
        eventually(lambda: status(database, "deleted", "k") is None)

    assert diary.lines == ["k"]


def test_a_mistake_while_a_loss_is_noted_does_not_end_the_care_for_other_jobs(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        raise LookupError("a mistake of ours")

    def note(flow: str, key: str) -> None:
        if key == "bad":
            raise ZeroDivisionError
        diary.write(key)

    put(database, queue, "twofold", "bad")
    with working({"twofold": flow}, on_lost=note):
        eventually(lambda: status(database, "twofold", "bad") == "ERROR")
        put(database, queue, "twofold", "good")

        diary.wait("good")


def test_a_tenant_alone_cannot_have_all_the_slots(database, queue, working, diary):
    gate = threading.Event()

    def hold(key: str) -> None:
        diary.write(key)
        gate.wait(PATIENCE_S)

    async def flow(steps: Steps, key: str) -> None:
        await steps.run("hold", hold, key)

    put(database, queue, "crowded", *(f"crowd {number}" for number in range(6)), tenant="crowd")

    with working({"crowded": flow}, slots=4):
        eventually(lambda: len(diary.lines) == 3)
        put(database, queue, "crowded", "alone", tenant="alone")
        diary.wait("alone")
        assert len(diary.lines) == 4
        gate.set()


def test_a_job_that_gets_further_every_time_is_not_given_up(database, queue, working, diary):
    async def flow(steps: Steps, key: str) -> None:
        for number in range(3):
            await steps.run(f"step {number}", turn, number)

    gates = [threading.Event() for _ in range(3)]

    def turn(number: int) -> None:
        diary.write(f"step {number}")
        gates[number].wait(PATIENCE_S)

    put(database, queue, "slow but sure", "k")
    for number in range(2):
        with working({"slow but sure": flow}, max_recoveries=0) as worker:
            diary.wait(f"step {number}")
            threading.Timer(0.2, gates[number].set).start()
            worker.drain(PATIENCE_S)
    gates[2].set()

    with working({"slow but sure": flow}, max_recoveries=0):
        eventually(lambda: status(database, "slow but sure", "k") == "SUCCESS")

    assert diary.lines == ["step 0", "step 1", "step 2"]
