"""A worker process with toy flows for the crash tests: every step leaves marks in files, finished jobs a row."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from polyscribe.jobs.worker import Worker
from polyscribe.ports import Flow, Steps
from polyscribe.storage.database import Database

# Without a unique key, so that a job that finishes twice is seen.
RESULTS = sa.Table("toy_results", sa.MetaData(), sa.Column("key", sa.Text), sa.Column("text", sa.Text))
PIECES = 4
LEASE_S = 2.0


@dataclass(frozen=True, slots=True)
class Mark:
    """That a process began or ended a step of a job."""

    at_s: float
    pid: int
    what: str
    key: str
    step: str


class Marks:
    """One file to which all processes append."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "marks.txt"

    def put(self, what: str, key: str, step: str) -> None:
        line = f"{time.time():.3f} {os.getpid()} {what} {key} {step}\n"
        file = os.open(self._path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(file, line.encode())
        os.close(file)

    def all(self) -> list[Mark]:
        if not self._path.exists():
            return []
        lines = [line.split() for line in self._path.read_text().splitlines()]
        return [Mark(float(at), int(pid), what, key, step) for at, pid, what, key, step in lines]


def flows(database: Database, folder: Path, step_s: float) -> dict[str, Flow]:
    marks = Marks(folder)

    def work(key: str, step: str) -> str:
        marks.put("begin", key, step)
        time.sleep(step_s)
        (folder / f"{key}.{step}").write_text(f"{step} of {key}")
        marks.put("end", key, step)
        return step

    def store(key: str, text: str) -> None:
        marks.put("begin", key, "store")
        with database.transaction() as tx:
            if tx.execute(sa.select(RESULTS).where(RESULTS.c.key == key)).first() is None:
                tx.execute(RESULTS.insert().values(key=key, text=text))
        marks.put("end", key, "store")

    def die() -> None:
        # Long enough for others to get a step further: who never does is taken for the murderer too.
        time.sleep(step_s * 8)
        os.kill(os.getpid(), signal.SIGKILL)

    async def toy(steps: Steps, key: str) -> None:
        await steps.run("fetch", work, key, "fetch")
        heard = [await steps.run(f"piece-{number}", work, key, f"piece-{number}") for number in range(PIECES)]
        await steps.run("store", store, key, " ".join(heard))

    async def poison(steps: Steps, key: str) -> None:
        await steps.run("die", die)

    return {"toy": toy, "poison": poison}


def work(url: str, folder: str, step_s: float, max_recoveries: int) -> None:
    """The whole life of a worker process; SIGTERM drains it."""
    database = Database(url)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    here = Path(folder)
    marks = Marks(here)
    worker = Worker(
        database,
        flows(database, here, step_s),
        slots=3,
        lease_dir=here / "leases",
        poll_s=0.05,
        lease_s=LEASE_S,
        on_lost=lambda flow, key: marks.put("lost", key, flow),
        max_recoveries=max_recoveries,
        first_wait_s=0.05,
    )
    worker.start()
    marks.put("up", "-", "-")
    ending.wait()
    os._exit(0 if worker.drain(10) else 1)
