"""The side of the queue that works: takes jobs, runs their flows, and cares for the jobs of workers that died.

One per process, because the job engine is. What a flow does and what becomes of its rows is not known here.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from polyscribe.domain.errors import PolyscribeError, Refused, StoreFailed
from polyscribe.jobs import engine
from polyscribe.jobs.engine import APPLICATION, VERSION, Job
from polyscribe.jobs.lease import Lease
from polyscribe.jobs.steps import DurableSteps, Shift
from polyscribe.ports import Flow
from polyscribe.storage.database import Database
from polyscribe.telemetry import emit

if TYPE_CHECKING:
    from dbos import DBOSConfig

ENGINE_THREADS = 16
"""For the job engine's own database work. Without a limit it grows with the number of waiting jobs."""

LOCK_GLANCE_S = 0.5
"""How often the locks of the other processes on this host are tried."""

BEATS_PER_LEASE = 5
CLAIM_S = 10.0
"""The longest that a shutdown waits for a claim that is under way."""

START_RETRY_S = 1.0
SWEEP_S = 600.0

Lost = Callable[[str, str], None]
"""Told the flow and key of a job that ended without its flow having seen to it. May be told more than once.

It is told again and again until it returns, or raises Refused (there is nothing to be done).
"""


def _nobody(_flow: str, _key: str) -> None:
    """Nobody wants to know."""


def _tame_log() -> None:
    """Let the engine's log go where ours goes; else it prints in a manner of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    # The engine reports every cancelled job, and every one that another process took over, as an error with a trace.
    kind = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
    return kind is None or kind.__name__ not in {
        "DBOSAwaitedWorkflowCancelledError",
        "DBOSNonExistentWorkflowError",
        "DBOSWorkflowConflictIDError",
    }


class Worker:
    """Serves flows from their queues until it is drained.

    `slots` is how many jobs of a flow run here at once: one number for all, or one per flow. Each flow has a queue
    and threads of its own, so that short work does not wait behind long. Tenants take turns, and no tenant alone can
    have all the slots when there are four or more. `poll_s` is how long a job waits for a free slot to be seen; it
    costs about 0.4 % of a core per flow at 0.5 s. A job that was begun `max_recoveries` times again without getting a
    step further is given up; `keep` is how long finished jobs are remembered, and with them that they are done.
    """

    def __init__(
        self,
        database: Database,
        flows: Mapping[str, Flow],
        slots: int | Mapping[str, int],
        lease_dir: Path,
        *,
        poll_s: float = 0.5,
        lease_s: float = 30.0,
        on_lost: Lost = _nobody,
        max_recoveries: int = 10,
        first_wait_s: float = 1.0,
        keep: timedelta = timedelta(days=1),
    ) -> None:
        self._database = database
        self._flows = dict(flows)
        self._slots = {flow: slots if isinstance(slots, int) else slots[flow] for flow in flows}
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._on_lost = on_lost
        self._max_recoveries = max_recoveries
        self._first_wait_s = first_wait_s
        self._keep = keep
        # New with every boot: two processes of one name would steal each other's work.
        self.executor_id = uuid.uuid4().hex
        self._lease = Lease(database, self.executor_id, lease_dir, lease_s)
        self._shift = Shift()
        self._threads: list[ThreadPoolExecutor] = []
        self._begun: dict[str, int] = {}
        self._begun_guard = threading.Lock()
        self._stray: set[str] = set()
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="jobs-lost")
        self._stop = threading.Event()
        self._carer = threading.Thread(target=self._care, name="jobs-care", daemon=True)

    def start(self, patience_s: float = 60.0) -> None:
        """Begin to take jobs. Waits up to `patience_s` for a database that is still starting or being upgraded.

        To be called outside of any event loop, which the job engine would take for its own.

        Raises:
            StoreFailed: the database did not answer in time, or its tables are old.
        """
        self._view = engine.client(self._database)
        until = time.monotonic() + patience_s
        while True:
            try:
                self._launch()
                break
            except StoreFailed:
                if time.monotonic() >= until:
                    raise
                time.sleep(START_RETRY_S)
        self._carer.start()
        emit("worker_started", executor=self.executor_id)

    def drain(self, timeout_s: float = 30.0) -> bool:
        """Take no more jobs, let running steps reach their next checkpoint, give unfinished jobs back.

        Returns whether all steps got there in time. If not, their threads still run, and the process must end
        without waiting for them (`os._exit`); its jobs are then taken over as those of a process that died.
        """
        from dbos import DBOS

        if self._stop.is_set():
            return not self._shift.busy()
        self._shift.end()
        engine.stop_claiming(self._engine, CLAIM_S)
        DBOS.destroy(workflow_completion_timeout_sec=math.ceil(timeout_s), destroy_registry=True)
        self._stop.set()
        self._carer.join()
        busy = self._shift.busy()
        for threads in [*self._threads, self._teller]:
            threads.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(StoreFailed, sa.exc.SQLAlchemyError):
            with self._database.lent():
                own = [job for job in engine.running(self._view) if job.executor_id == self.executor_id]
                engine.give_back(self._view, (job for job in own if job.id not in busy))
            if not busy:
                self._lease.release()
        emit("worker_drained", executor=self.executor_id, unfinished=len(busy))
        return not busy

    def stop(self) -> bool:
        """As `drain`, without waiting for steps that run."""
        return self.drain(0)

    def _launch(self) -> None:
        from dbos import DBOS, DBOSPortableJSONSerializer

        _tame_log()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.url,
            "system_database_engine": self._database.engine,
            "application_version": VERSION,
            "executor_id": self.executor_id,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "ERROR",
            "max_executor_threads": ENGINE_THREADS,
            # Also how long it takes to stop: the engine waits for this sleeper. It costs nothing, nobody is notified.
            "notification_listener_polling_interval_sec": 0.1,
            "use_listen_notify": False,  # as `engine.upgrade` made the tables; we wait for no notifications
            "run_migrations": False,
        }
        if not engine.is_current(self._database):
            raise StoreFailed("The tables of the job engine are not up to date.")
        self._lease.take()
        self._threads.clear()
        with self._database.lent():
            # Before the launch, which else finds them a second later.
            for flow, slots in self._slots.items():
                self._view.register_queue(
                    flow,
                    worker_concurrency=slots,
                    # A limit per tenant makes the tenants take turns. A fourth is kept for those who come later.
                    partition_worker_concurrency=slots - slots // 4,
                    polling_interval_sec=self._poll_s,
                )
            try:
                self._engine = DBOS(config=config)
                for flow in self._flows:
                    self._register(flow)
                DBOS.listen_queues(list(self._flows))
                DBOS.launch()
            except BaseException:
                DBOS.destroy(destroy_registry=True)
                raise

    def _register(self, flow: str) -> None:
        from dbos import DBOS

        threads = ThreadPoolExecutor(self._slots[flow], thread_name_prefix=f"jobs-{flow}")
        self._threads.append(threads)
        steps = DurableSteps(threads, self._shift, self._first_wait_s)

        async def run(key: str) -> None:
            with self._underway(engine.job_id(flow, key)):
                await self._flows[flow](steps, key)

        DBOS.workflow(name=flow, max_recovery_attempts=self._max_recoveries)(run)

    @contextmanager
    def _underway(self, job_id: str) -> Iterator[None]:
        with self._begun_guard:
            self._begun[job_id] = self._begun.get(job_id, 0) + 1
        try:
            yield
        finally:
            with self._begun_guard:
                self._begun[job_id] -= 1
                if not self._begun[job_id]:
                    del self._begun[job_id]

    def _care(self) -> None:
        """The loop of the one thread beside the work; ends when the worker is drained."""
        beat_due = sweep_due = time.monotonic()
        while not self._stop.wait(min(LOCK_GLANCE_S, self._lease_s / BEATS_PER_LEASE)):
            now = time.monotonic()
            try:
                if now >= beat_due:
                    self._lease.beat()
                    beat_due = now + self._lease_s / BEATS_PER_LEASE
                    self._look_after_jobs()
                self._take_over()
                if now >= sweep_due:
                    sweep_due = now + SWEEP_S
                    engine.forget_finished(self._view, datetime.now(UTC) - self._keep)
            except (PolyscribeError, sa.exc.SQLAlchemyError, OSError) as error:
                emit("worker_care_failed", executor=self.executor_id, error=type(error).__name__)

    def _take_over(self) -> None:
        """Give back the jobs of processes that died."""
        _, dead = self._lease.alive()
        for executor_id in dead:
            jobs = [job for job in engine.running(self._view) if job.executor_id == executor_id]
            count = engine.give_back(self._view, jobs)
            engine.hold_back(self._view, jobs, self._first_wait_s)
            self._lease.bury(executor_id)
            emit("worker_died", executor=executor_id, jobs=count)

    def _look_after_jobs(self) -> None:
        """Give back what nobody works on, and tell of what was lost."""
        jobs = engine.running(self._view)
        living, _ = self._lease.alive()
        # Claimed by a process that had been given up and died before it could say that it lived.
        orphans = [job for job in jobs if job.executor_id not in living | {self.executor_id}]
        if orphans and self._lease.is_steady:
            emit("jobs_orphaned", jobs=engine.give_back(self._view, orphans))
        # Claimed by us and never begun, seen twice: the engine's claim and dispatch are not one act.
        with self._begun_guard:
            begun = self._begun.keys() | self._shift.busy()
        stray = [job for job in jobs if job.executor_id == self.executor_id and job.id not in begun]
        abandoned = [job for job in stray if job.id in self._stray]
        self._stray = {job.id for job in stray}
        if abandoned:
            emit("jobs_abandoned", jobs=engine.give_back(self._view, abandoned))
        for job in engine.lost(self._view):
            self._tell_of_loss(job)

    def _tell_of_loss(self, job: Job) -> None:
        if job.flow not in self._flows:
            return
        emit("job_lost", flow=job.flow, key=job.key, error=job.error)
        # In a thread of its own, so that a mistake in what we call cannot end the beats of this worker.
        error = self._teller.submit(self._on_lost, job.flow, job.key).exception()
        if error is None or isinstance(error, Refused):
            engine.forget(self._view, [job.id])
        else:
            emit("job_loss_not_noted", flow=job.flow, key=job.key, error=type(error).__name__)
