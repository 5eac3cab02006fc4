"""Who is alive: each worker process says so in the database, and holds a lock that the kernel lets go when it dies.

On one host the lock tells of a death at once. Across hosts, and for a process that is frozen, silence for a whole
lease does. A false alarm costs work but harms nobody: the job engine refuses what a former owner writes.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from polyscribe.storage import executors
from polyscribe.storage.database import Database
from polyscribe.storage.executors import Executor

if sys.platform != "win32":
    import fcntl


class Lease:
    """The claim of one process to be alive, renewed by `beat` several times per `lease_s`."""

    def __init__(self, database: Database, executor_id: str, folder: Path, lease_s: float) -> None:
        self._database = database
        self._id = executor_id
        self._path = folder / f"{executor_id}.lock"
        self._lease_s = lease_s
        self._host = socket.gethostname()
        self._lock: int | None = None
        self._steady_s = 0.0

    def take(self) -> None:
        """Lock, then say so: whoever reads that we live must find the lock held.

        Raises:
            StoreFailed: the database did not answer; may be called again.
        """
        if self._lock is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._path, create=True)
        self.beat()

    def beat(self) -> None:
        """Say that we live.

        Raises:
            StoreFailed: the database did not answer.
        """
        try:
            with self._database.transaction() as tx:
                silent_s = executors.beat(tx, self._id, self._host, str(self._path))
        except BaseException:
            self._steady_s = 0.0
            raise
        # After an outage or a suspended machine everybody looks dead. Nobody judges who was silent himself.
        self._steady_s = 0.0 if silent_s is None or silent_s > self._lease_s / 2 else self._steady_s + silent_s

    def alive(self) -> tuple[set[str], list[str]]:
        """The processes that live or may live, and those that are dead for sure; each without ourselves.

        Raises:
            StoreFailed: the database did not answer.
        """
        with self._database.reading() as tx:
            others = [executor for executor in executors.known(tx) if executor.id != self._id]
        dead = [executor.id for executor in others if self._is_dead(executor)]
        return {executor.id for executor in others}.difference(dead), dead

    @property
    def is_steady(self) -> bool:
        """Whether we have been seen without a gap for a full lease: only then does the silence of others count."""
        return self._steady_s >= self._lease_s

    def bury(self, executor_id: str) -> None:
        """Forget a dead process whose work has been given back."""
        with self._database.transaction() as tx:
            executors.forget(tx, [executor_id])
        self._path.with_name(f"{executor_id}.lock").unlink(missing_ok=True)

    def release(self) -> None:
        """Leave in order, without work: nobody has to find us dead.

        Raises:
            StoreFailed: the database did not answer; others will find us dead.
        """
        try:
            self.bury(self._id)
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _is_dead(self, executor: Executor) -> bool:
        if executor.silent_s > self._lease_s and self.is_steady:
            return True
        path = self._path.with_name(f"{executor.id}.lock")
        if executor.host != self._host or executor.lock_file != str(path):
            return False
        try:
            lock = _locked(path, create=False)
        except FileNotFoundError:
            return False
        if lock is None:
            return False
        os.close(lock)
        return True


def _locked(path: Path, *, create: bool) -> int | None:
    """The file with our lock on it, or None if another process holds it, or if this system has no such locks."""
    if sys.platform == "win32":
        return None
    file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
