"""A small process that has the decoder loaded and forks a confined child for every job that it is sent.

Runs apart from the service (`sandbox` starts it) and knows neither settings nor secrets: its environment is empty.
A job is one datagram with a JSON request and three descriptors: the job's socket, what to read, where to write.
The job's socket is its life: closed from the other side, the child is killed; when the child has ended, its
`Ending` goes back through it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from polyscribe.audio import seccomp

HEAD = struct.Struct("=cI")
"""Before every message from a child: its kind, one letter, and the length of what follows."""

ENDING = struct.Struct("=iidq")
"""Exit code, signal, CPU seconds, peak resident memory in kilobytes."""

CRASH = b"X"
"""Kind of the last message of a child that broke: where it did."""

OUT_OF_MEMORY = 71
UNEXPECTED = 72

Task = Callable[[int, int, dict[str, Any]], None]


def tell(out: int, kind: bytes, payload: bytes | bytearray) -> None:
    """Write one message of a child."""
    for part in (HEAD.pack(kind, len(payload)), payload):
        left = memoryview(part)
        while left:
            left = left[os.write(out, left) :]


def serve(control: socket.socket) -> None:
    """Fork children until the other side of `control` is gone."""
    parent = os.getppid()
    guarded = seccomp.is_supported()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    jobs: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ, 0)
        selector.register(wake, selectors.EVENT_READ, 0)
        control.send(b"guarded" if guarded else b"open")
        while os.getppid() == parent:
            # A copy of the socket may have leaked into another child of the service: look for the parent too.
            for key, _ in selector.select(timeout=2.0):
                if key.fileobj is control:
                    if not _begin(control, selector, jobs, guarded):
                        return
                elif key.fileobj == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                    _reap(selector, jobs)
                elif key.data in jobs:
                    os.kill(key.data, signal.SIGKILL)
                    selector.unregister(key.fileobj)


def _begin(
    control: socket.socket, selector: selectors.BaseSelector, jobs: dict[int, socket.socket], guarded: bool
) -> bool:
    """Fork a child for the next job; False when no more will come."""
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 3)
    if not message:
        return False
    job, source, out = descriptors
    request = json.loads(message)
    module, name = request["task"].split(":")
    task: Task = getattr(importlib.import_module(module), name)
    gc.freeze()
    nursery = os.getpid()
    pid = os.fork()
    if pid == 0:
        _live(task, request, source, out, guarded, nursery)
    os.close(source)
    os.close(out)
    jobs[pid] = socket.socket(fileno=job)
    selector.register(jobs[pid], selectors.EVENT_READ, pid)
    return True


def _reap(selector: selectors.BaseSelector, jobs: dict[int, socket.socket]) -> None:
    while jobs:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        ending = ENDING.pack(max(code, 0), max(-code, 0), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
        with jobs.pop(pid) as job, contextlib.suppress(OSError):
            with contextlib.suppress(KeyError):
                selector.unregister(job)
            job.send(ending)


def _live(task: Task, request: dict[str, Any], source: int, out: int, guarded: bool, nursery: int) -> None:
    """The whole life of a child; never returns."""
    code = UNEXPECTED
    try:
        seccomp.die_with_parent()
        if os.getppid() != nursery:
            return
        _keep_only(source, out)
        _limit(request["cpu_s"], request["memory_bytes"])
        if guarded:
            seccomp.confine()
        task(0, 1, request)
        code = 0
    except BrokenPipeError:
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        if code == UNEXPECTED:
            with contextlib.suppress(OSError):
                tell(1, CRASH, _where(sys.exc_info()[1]).encode())
        os._exit(code)


def _where(error: BaseException | None) -> str:
    """Type and place of an exception, for the operator: no message, which may quote the file."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__} {place}"


def _keep_only(source: int, out: int) -> None:
    """Descriptor 0 is what to read, 1 where to write, 2 nowhere; all others are closed."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(source, 0)
    os.dup2(out, 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _limit(cpu_s: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    for none in (resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE):
        resource.setrlimit(none, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def main() -> None:
    """Serve the socket that is this process's standard input."""
    control = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    serve(control)
