"""Runs a function on an open file in a confined process: limits on CPU, memory and waiting; no network, no files.

Knows nothing of audio: a child gets a descriptor and a request, and answers with messages. Children are forked by one
`nursery` process per service process, which has their code loaded, so that starting one costs milliseconds.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from polyscribe.audio import nursery
from polyscribe.domain.errors import EngineFailed, EngineFault, SourceFailed, SourceFault
from polyscribe.telemetry import emit

LARGEST_MESSAGE = 1 << 22
START_S = 60.0
STOP_S = 10.0
PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one child may use. `wall_s` and `start_s`, up to the first message, count only the time that we wait for
    it, not the time that it waits for us."""

    cpu_s: int
    wall_s: float
    start_s: float = 30.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended and what it used; `signal` is 0 when it left by itself."""

    code: int
    signal: int
    cpu_s: float
    peak_kb: int


class Child:
    """A running child. Its messages are untrusted: what it read may have taken it over."""

    def __init__(self, job: socket.socket, out: int, allowance: Allowance) -> None:
        self._job = job
        self._out = out
        self._wall_s = allowance.wall_s
        self._left_s = min(allowance.start_s, allowance.wall_s)
        self.ending: Ending | None = None

    def messages(self) -> Iterator[tuple[bytes, bytearray]]:
        """Kind and payload of each message until the child leaves.

        Raises:
            SourceFailed: a limit was hit (RESOURCE_LIMIT), or the child crashed (CORRUPT).
            EngineFailed: the child or its nursery was killed from outside.
        """
        while head := self._take(nursery.HEAD.size):
            kind, length = nursery.HEAD.unpack(head)
            if length > LARGEST_MESSAGE:
                raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.")
            payload = self._take(length)
            if len(payload) < length:
                break
            if kind == nursery.CRASH:
                emit("decoder_failed", where=payload[:100].decode(errors="replace"))
                continue
            self._left_s, self._wall_s = self._left_s + self._wall_s, 0.0
            yield kind, payload
        self._judge(self._end())

    def _take(self, length: int) -> bytearray:
        """Exactly `length` bytes, fewer only when the child has closed its side."""
        taken = bytearray(length)
        view, filled = memoryview(taken), 0
        while filled < length:
            self._wait(self._out)
            count = os.readv(self._out, [view[filled:]])
            if not count:
                break
            filled += count
        view.release()
        del taken[filled:]
        return taken

    def _wait(self, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if poll.poll(0):
            return
        began = time.monotonic()
        ready = poll.poll(max(self._left_s, 0.0) * 1000)
        self._left_s -= time.monotonic() - began
        if not ready:
            raise SourceFailed(SourceFault.RESOURCE_LIMIT, "Decoding this file takes too long.")

    def _end(self) -> Ending | None:
        if self.ending is None:
            self._wait(self._job.fileno())
            told = self._job.recv(nursery.ENDING.size)
            if len(told) == nursery.ENDING.size:
                self.ending = Ending(*nursery.ENDING.unpack(told))
        return self.ending

    def _judge(self, ending: Ending | None) -> None:
        if ending is None or ending.signal == signal.SIGKILL:
            raise EngineFailed(EngineFault.CRASHED, "The decoder was stopped from outside.")
        if ending.signal == signal.SIGXCPU or ending.code == nursery.OUT_OF_MEMORY:
            raise SourceFailed(SourceFault.RESOURCE_LIMIT, "Decoding this file takes too much time or memory.")
        if ending.signal or ending.code:
            emit("decoder_crashed", signal=ending.signal, code=ending.code)
            raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.")

    def kill(self) -> None:
        """End the child if it still runs, and wait until it is gone. Idempotent."""
        if self._out < 0:
            return
        os.close(self._out)
        self._out = -1
        if self.ending is None:
            self._job.shutdown(socket.SHUT_WR)
            self._left_s = max(self._left_s, START_S)
            self._end()
        self._job.close()


class _Nursery:
    """The process that forks children, started when first needed and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    def send(self, message: bytes, descriptors: list[int]) -> None:
        with self._lock:
            if self._control is None or self._owner != os.getpid():
                self._start()
            try:
                self._send(message, descriptors)
            except OSError:
                self._stop()
                self._start()
                self._send(message, descriptors)

    def _send(self, message: bytes, descriptors: list[int]) -> None:
        if self._control is not None:
            socket.send_fds(self._control, [message], descriptors)

    def _start(self) -> None:
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = _nursery_process(theirs)
            self._control.settimeout(START_S)
            told = self._control.recv(16)
        except OSError:
            told = b""
        if not told:
            self._stop()
            raise EngineFailed(EngineFault.CRASHED, "The decoder could not be started.")
        self._control.settimeout(None)
        if told != b"guarded":
            emit("sandbox_unguarded", platform=sys.platform)

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def stop(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                self._stop()


def _nursery_process(control: socket.socket) -> subprocess.Popen[bytes]:
    # Nothing of our environment goes along: it holds secrets, and a child reads hostile files.
    environment = {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part), "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", "from polyscribe.audio.nursery import main; main()"],
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )


_nursery = _Nursery()
atexit.register(_nursery.stop)


@contextmanager
def run(task: str, request: dict[str, Any], source: int, allowance: Allowance) -> Iterator[Child]:
    """A child that runs `task` ("module:function", called with source, out, request) on the descriptor `source`.

    The child is dead when the block is left, in whatever way.

    Raises:
        EngineFailed: no process could be started.
    """
    ours, theirs = socket.socketpair()
    into, out = os.pipe()
    asked = {**request, "task": task, "cpu_s": allowance.cpu_s, "memory_bytes": allowance.memory_bytes}
    child = Child(ours, into, allowance)
    try:
        with theirs:
            try:
                _widen(out)
                _nursery.send(json.dumps(asked).encode(), [theirs.fileno(), source, out])
            finally:
                os.close(out)
        yield child
    finally:
        child.kill()


def _widen(pipe: int) -> None:
    """A larger pipe means fewer changes between the processes; the system may say no."""
    if sys.platform == "linux":
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            emit("pipe_kept_small")


def stop() -> None:
    """End the nursery of this process; the next child starts a new one."""
    _nursery.stop()
