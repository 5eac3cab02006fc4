"""Keeps the processes of a server running: starts them, starts crashed ones again, ends all of them in order.

Knows processes, not what they do. Processes that it started do not outlive it, not even when it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from polyscribe.telemetry import emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyscribe.settings import Settings

LOOK_EVERY_S = 0.2
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
"""A crashed process is started again after a wait that doubles from crash to crash."""

STEADY_AFTER_S = 60.0
"""Who lived so long is well: its next crash counts as the first."""

DRAIN_S = {"api": 15.0, "worker": 45.0}
"""What a part may take to end in order, a little more than it gives itself; then it is killed."""

HOPELESS = 78
"""The exit code with which a part says that starting it again cannot help (EX_CONFIG of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process of ours: which part of the server it is, and what it is told through its standard input."""

    name: str
    settings: Settings
    options: dict[str, Any] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class _Kept:
    """A part that is to run all the time."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process = start(part)
        self.started_at = time.monotonic()
        self.wait_s = FIRST_WAIT_S
        self.start_at: float | None = None

    def look(self) -> int | None:
        """Start it again if its wait is over; the exit code if it has just ended."""
        now = time.monotonic()
        if self.start_at is not None:
            if now >= self.start_at:
                self.process, self.started_at, self.start_at = start(self.part), now, None
            return None
        code = self.process.poll()
        if code is not None:
            if now - self.started_at >= STEADY_AFTER_S:
                self.wait_s = FIRST_WAIT_S
            self.start_at = now + self.wait_s
            self.wait_s = min(self.wait_s * 2, LONGEST_WAIT_S)
        return code


FRUGAL = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
"""For processes of many threads: without the first each thread keeps freed memory, with the second numpy spins none."""


def start(part: Part, stdout: int | None = None, *, is_apart: bool = True) -> subprocess.Popen[bytes]:
    """The part's process; in a group of its own (`is_apart`) Ctrl+C reaches us alone, and we end it in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polyscribe.cli.part", part.name],
        stdin=subprocess.PIPE,
        stdout=stdout,
        pass_fds=part.descriptors,
        process_group=0 if is_apart else None,
        env=FRUGAL | os.environ,
    )
    from polyscribe.settings import handed_on

    told = {"parent": os.getpid(), "settings": handed_on(part.settings), "options": part.options}
    with suppress(BrokenPipeError):  # it died at once; whoever looks at its exit code will know
        _pipe(process.stdin).write(json.dumps(told).encode() + b"\n")
        _pipe(process.stdin).flush()
    # The pipe stays open: where the system does not end a part with its parent, the end of the pipe tells it.
    return process


def run_once(part: Part) -> dict[str, Any]:
    """Run a part to its end; what it answered. If it fails so do we: it has said why on standard error."""
    process = start(part, stdout=subprocess.PIPE)
    try:
        answer = _pipe(process.stdout).read()
        if process.wait():
            raise SystemExit(1)
    finally:
        _end(process, 0.0)
    return json.loads(answer) if answer else {}


def show(part: Part) -> None:
    """Run a part that talks to the operator; Ctrl+C reaches it too."""
    process = start(part, is_apart=False)
    process.wait()
    _end(process, 0.0)


def supervise(parts: Sequence[Part], greet: Callable[[], None] | None = None) -> int:
    """Keep the parts running until SIGTERM, SIGINT or SIGHUP; then end them one kind after the other.

    `greet` runs beside in a thread. A second signal kills what is left. Returns the exit code for our process.
    """
    with _asked_to_stop() as stop:
        kept = [_Kept(part) for part in parts]
        try:
            if greet is not None:
                threading.Thread(target=greet, daemon=True).start()
            code = _keep(kept, stop)
        finally:
            stop.clear()
            _drain(kept, stop)
    return code


def _keep(kept: Sequence[_Kept], stop: threading.Event) -> int:
    while not stop.wait(LOOK_EVERY_S):
        for each in kept:
            code = each.look()
            if code == HOPELESS:
                return 1
            if code is not None:
                emit("part_failed", part=each.part.name, code=code, wait_s=each.wait_s)
    return 0


def _drain(kept: Sequence[_Kept], stop: threading.Event) -> None:
    """First nobody is let in any more, then work is laid down."""
    for name in dict.fromkeys(each.part.name for each in kept):
        own = [each.process for each in kept if each.part.name == name]
        for process in own:
            with suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + DRAIN_S.get(name, 0.0)
        while any(process.poll() is None for process in own) and time.monotonic() < until:
            if stop.wait(LOOK_EVERY_S / 4):
                break
        for process in own:
            _end(process, 0.0)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without that pipe")
    return stream


def _end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
