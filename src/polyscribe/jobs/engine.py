"""What the two sides of the queue, those who put and those who work, must agree on about the job engine.

Every use of the engine that its documentation does not promise is here, and the reason why its version is pinned.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from polyscribe.storage.database import Database, translated

if TYPE_CHECKING:
    from dbos import DBOS, DBOSClient

APPLICATION = "polyscribe"
VERSION = "1"
"""Never changed: work of another version is not recovered by the engine, and sits there for ever."""

LOST = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
FINISHED = ("SUCCESS", "CANCELLED")
BATCH = 200
SUSPECT_AFTER = 3
LONGEST_HOLD_S = 120.0


@dataclass(frozen=True, slots=True)
class Job:
    """One flow for one key, and who is working on it. `error` is the kind of error that ended it."""

    id: str
    executor_id: str | None = None
    error: str | None = None

    @property
    def flow(self) -> str:
        return self.id.partition(":")[0]

    @property
    def key(self) -> str:
        return self.id.partition(":")[2]


def job_id(flow: str, key: str) -> str:
    """The same flow and key is the same job; no flow has a colon in its name."""
    return f"{flow}:{key}"


def client(database: Database) -> DBOSClient:
    """A view of the engine's tables without a worker. Raises nothing yet: it connects when it is used."""
    from dbos import DBOSClient, DBOSPortableJSONSerializer

    return DBOSClient(
        system_database_engine=database.engine,
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,
    )


def upgrade(database: Database) -> None:
    """Bring the engine's own tables up to date. Processes that start together take turns.

    Raises:
        StoreFailed: the database did not answer.
    """
    view = client(database)
    with database.lent():
        view._sys_db.run_migrations()


def is_current(database: Database) -> bool:
    """Whether the engine's own tables are there, and those of this release.

    Raises:
        StoreFailed: the database did not answer.
    """
    from dbos._error import DBOSInitializationError

    view = client(database)
    with translated():
        try:
            view._sys_db.verify_migrations()
        except DBOSInitializationError:
            return False
    return True


def running(view: DBOSClient) -> list[Job]:
    """The jobs that some executor, dead or alive, has claimed and not finished."""
    return [_job(status) for status in _list(view, status="PENDING")]


def lost(view: DBOSClient) -> list[Job]:
    """Up to BATCH jobs that ended by an error that no flow has handled, or were begun too often."""
    return [_job(status) for status in _list(view, status=list(LOST), limit=BATCH, load_output=True)]


def give_back(view: DBOSClient, jobs: Iterable[Job]) -> int:
    """Return claimed jobs to their queue, unless another executor has them by now; how many went back.

    The documented `resume_workflows` would also wake what was cancelled meanwhile, and forget how often a job has
    been begun.
    """
    count = 0
    for job in jobs:
        if job.executor_id is not None:
            _forgive(view, job.id, job.executor_id)
            count += view._sys_db.reenqueue_for_recovery(job.id, [job.executor_id], job.flow)
    return count


def hold_back(view: DBOSClient, jobs: Iterable[Job], first_wait_s: float) -> None:
    """Let those wait that were just given back for the third time or more without having got a step further.

    One of them may be what kills its workers. Waiting, each for another while, they get out of each other's way, so
    that those who merely were there get a step further; and the workers live longer.
    """
    status = view._sys_db.tables.workflow_status
    waiting = sa.select(status.c.workflow_uuid, status.c.recovery_attempts).where(
        status.c.workflow_uuid.in_([job.id for job in jobs]),
        status.c.status == "ENQUEUED",
        status.c.recovery_attempts >= SUSPECT_AFTER,
    )
    with view._sys_db.engine.begin() as connection:
        for job_id, begun in connection.execute(waiting).all():
            wait_s = min(first_wait_s * 2 ** (begun - SUSPECT_AFTER + 1), LONGEST_HOLD_S) * random.uniform(0.5, 1.5)
            connection.execute(
                sa.update(status)
                .where(status.c.workflow_uuid == job_id, status.c.status == "ENQUEUED")
                .values(status="DELAYED", delay_until_epoch_ms=int((time.time() + wait_s) * 1000))
            )


def _forgive(view: DBOSClient, job_id: str, executor_id: str) -> None:
    """Count anew how often the job has been begun, if it got a step further: then it did not kill its worker."""
    status = view._sys_db.tables.workflow_status
    steps = view._sys_db.tables.operation_outputs
    progress = sa.select(steps.c.function_id).where(
        steps.c.workflow_uuid == status.c.workflow_uuid,
        steps.c.completed_at_epoch_ms >= status.c.started_at_epoch_ms,
    )
    with view._sys_db.engine.begin() as connection:
        connection.execute(
            sa.update(status)
            .where(status.c.workflow_uuid == job_id, status.c.executor_id == executor_id, status.c.status == "PENDING")
            .where(progress.exists())
            .values(recovery_attempts=0)
        )


def stop_claiming(instance: DBOS, timeout_s: float) -> None:
    """Let no queue be asked for work any more, so that nothing is claimed by a worker that shuts down."""
    for event in instance.background_thread_stop_events:
        event.set()
    until = time.monotonic() + timeout_s
    for thread in threading.enumerate():
        if thread.name.startswith("queue-worker-"):
            thread.join(max(0.0, until - time.monotonic()))


def forget(view: DBOSClient, ids: list[str]) -> None:
    """Remove finished jobs and all that the engine knows about them. Idempotent."""
    view.delete_workflows(ids)


def forget_finished(view: DBOSClient, before: datetime) -> int:
    """Remove jobs that ended before that instant; how many."""
    removed = 0
    while True:
        instant = before.astimezone(UTC).isoformat()
        old = _list(view, status=list(FINISHED), completed_before=instant, limit=BATCH)
        forget(view, [status.workflow_id for status in old])
        removed += len(old)
        if len(old) < BATCH:
            return removed


def _list(view: DBOSClient, *, load_output: bool = False, **wanted: Any) -> list[Any]:
    return view.list_workflows(
        app_version=VERSION, application_name=APPLICATION, load_input=False, load_output=load_output, **wanted
    )


def _job(status: Any) -> Job:
    error = None if status.error is None else getattr(status.error, "name", type(status.error).__name__)
    return Job(status.workflow_id, status.executor_id, error)
