"""The side of a flow that remembers: each step runs in a thread until it has come to something, which is kept."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from polyscribe.domain.errors import Failed, PolyscribeError, StoreFailed
from polyscribe.jobs import outcomes

TRIES = 5
STORE_TRIES = 60
"""A database or blob store that is away for half an hour must not cost anybody a job."""

LONGEST_WAIT_S = 30.0
GLANCE_S = 0.5
"""How often a step that waits for its next try looks whether the process is to end."""


def wait_before_retry_s(error: PolyscribeError, tries: int, first_wait_s: float) -> float | None:
    """How long to wait after that many failed tries, doubling; None: another try is of no use."""
    if not (isinstance(error, Failed) and error.retryable):
        return None
    if tries >= (STORE_TRIES if isinstance(error, StoreFailed) else TRIES):
        return None
    return float(min(first_wait_s * 2 ** (tries - 1), LONGEST_WAIT_S))


class Shift:
    """The steps that run in this process, and whether it is about to end."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._guard = threading.Lock()
        self._busy: Counter[str] = Counter()

    def end(self) -> None:
        """From now on no step begins."""
        self._ending.set()

    def busy(self) -> set[str]:
        """The jobs with a step that still runs in a thread of this process, wanted or not."""
        with self._guard:
            return set(+self._busy)

    def check(self) -> None:
        """Leave the flow where it is when the process is to end: unfinished, so that another process goes on."""
        if self._ending.is_set():
            raise asyncio.CancelledError("this process is to end; the job goes on elsewhere")

    @contextmanager
    def at_work(self, job_id: str) -> Iterator[None]:
        with self._guard:
            self._busy[job_id] += 1
        try:
            yield
        finally:
            with self._guard:
                self._busy[job_id] -= 1


class DurableSteps:
    """`ports.Steps` of one flow on the job engine. All jobs of the flow in this process share its threads."""

    def __init__(self, threads: ThreadPoolExecutor, shift: Shift, first_wait_s: float) -> None:
        self._threads = threads
        self._shift = shift
        self._first_wait_s = first_wait_s

    async def run(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """As `ports.Steps.run`. An error that is not ours is a mistake in `work` and ends the job.

        Raises:
            PolyscribeError: what `work` raised, when another try is of no use; the same again on every resumption.
        """
        from dbos import DBOS

        self._shift.check()
        # Preemptible: a cancelled job lets go of the step at once. Its thread goes on until `work` returns.
        outcome = await DBOS.run_step_async({"name": name, "preemptible": True}, self._come_to_something, work, args)
        if "failed" in outcome:
            raise outcomes.read(outcome["failed"])
        return outcome["done"]

    async def _come_to_something(self, work: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
        from dbos import DBOS

        job_id = str(DBOS.workflow_id)
        tries = 0
        while True:
            self._shift.check()
            try:
                result = await asyncio.get_running_loop().run_in_executor(
                    self._threads, partial(self._in_thread, job_id, work, args)
                )
            except PolyscribeError as error:
                tries += 1
                wait_s = wait_before_retry_s(error, tries, self._first_wait_s)
                if wait_s is None:
                    return {"failed": outcomes.write(error)}
                await self._wait(wait_s)
            else:
                return {"done": result}

    def _in_thread(self, job_id: str, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        with self._shift.at_work(job_id):
            # There and back, so that a result is the same thing now as when it is remembered.
            return json.loads(json.dumps(work(*args)))

    async def _wait(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while (left_s := until - loop.time()) > 0:
            self._shift.check()
            await asyncio.sleep(min(left_s, GLANCE_S))
