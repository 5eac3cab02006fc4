"""The side of the queue that puts: a job is written in the transaction of the row that it is for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

from polyscribe.jobs.engine import VERSION, client, job_id
from polyscribe.storage.database import Database

if TYPE_CHECKING:
    from dbos import DBOSClient
    from dbos._client import EnqueueOptions


class DurableQueue:
    """`ports.Queue` on the job engine. Needs no worker in this process, but the engine's tables (`jobs.upgrade`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def _view(self) -> DBOSClient:
        return client(self._database)

    def warm(self) -> None:
        """Import the job engine now, so that the first `put` does not pay for it (more than a second)."""
        _ = self._view

    def put(
        self,
        transaction: sa.Connection,
        flow: str,
        key: str,
        *,
        tenant: str,
        wait_s: float = 0.0,
        priority: int = 10,
    ) -> None:
        """As `ports.Queue.put`; `priority` is 1 (first) to 2³¹−1, within the tenant."""
        options: EnqueueOptions = {
            "workflow_name": flow,
            "queue_name": flow,
            "workflow_id": job_id(flow, key),
            "app_version": VERSION,
            # Left out, it would be 0, which comes before everything.
            "priority": priority,
            "queue_partition_key": tenant,
        }
        if wait_s > 0:
            options["delay_seconds"] = wait_s
        self._view.enqueue_in_transaction(transaction, options, key)

    def cancel(self, flow: str, key: str) -> None:
        """As `ports.Queue.cancel`. Not inside a transaction: it opens its own.

        Raises:
            StoreFailed: the database did not answer; the job may go on.
        """
        view = self._view
        with self._database.lent():
            view.cancel_workflow(job_id(flow, key))
