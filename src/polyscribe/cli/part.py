"""One process of a server: `python -m polyscribe.cli.part NAME`, told the rest by its supervisor on standard input."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from polyscribe.audio.seccomp import die_with_parent
from polyscribe.cli.supervisor import HOPELESS
from polyscribe.domain.errors import PolyscribeError, Refused

if TYPE_CHECKING:
    from polyscribe.settings import Settings

FIRST_ACCOUNT = "default"
INTERRUPTED = 130
GRACE_S = 10
"""What requests under way get to be answered when the server ends."""

KEEP_ALIVE_S = 30

POLITENESS = 10
"""Niceness of a worker: recognition takes what is left of the processors, so that requests are answered at once."""


def api(settings: Settings, options: dict[str, Any]) -> None:
    """Answer HTTP on the socket that the supervisor opened, until SIGTERM."""
    import uvicorn

    from polyscribe import wiring

    config = uvicorn.Config(
        wiring.web(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    uvicorn.Server(config).run([socket.socket(fileno=options["descriptor"])])


def worker(settings: Settings, _options: dict[str, Any]) -> None:
    """Take jobs until SIGTERM."""
    from polyscribe import wiring

    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    os.nice(POLITENESS)
    wiring.work_until(settings, stop)


def prepare(settings: Settings, options: dict[str, Any]) -> None:
    """Before the others start: the schema, and a first account where there is none. Answers on standard output.

    `shares` are the recognitions of each worker process, as even as they go.
    """
    from polyscribe import apis, wiring
    from polyscribe.cli.accounts import credentials_of
    from polyscribe.services import access

    if options["migrate"]:
        wiring.migrate(settings)
    app = wiring.application(settings)
    found = apis.found(settings.strict_limits)
    count = wiring.processes(settings)
    answer: dict[str, Any] = {
        "apis": [[each.title, list(each.prefixes)] for each in found],
        "shares": [settings.workers // count + (number < settings.workers % count) for number in range(count)],
        "credentials": None,
    }
    if options["account"] and not access.has_accounts(app):
        answer["credentials"] = credentials_of(*access.create_account(app, FIRST_ACCOUNT))
    app.database.close()
    sys.stdout.write(json.dumps(answer))


def sample(settings: Settings, _options: dict[str, Any]) -> None:
    """Show that the main job works."""
    from polyscribe.cli.sample import show

    show(settings)


LONG_LIVED = frozenset({"api", "worker"})
"""Parts that log and count; the others talk to the operator, and are over soon."""

PARTS: dict[str, Callable[[Settings, dict[str, Any]], None]] = {
    "api": api,
    "worker": worker,
    "prepare": prepare,
    "sample": sample,
}


def main() -> None:
    """Be the part that the command line names."""
    told = json.loads(sys.stdin.buffer.readline())
    end_with(told["parent"])
    from polyscribe import observability
    from polyscribe.settings import taken_over

    settings = taken_over(told["settings"])
    if sys.argv[1] in LONG_LIVED:
        observability.start_logging(settings.log_format, sys.argv[1])
        observability.start_counting()
    try:
        PARTS[sys.argv[1]](settings, told["options"])
    except Refused as error:
        leave(error.message, HOPELESS)
    except PolyscribeError as error:
        leave(error.message, 1)
    except KeyboardInterrupt:
        leave(None, INTERRUPTED)
    leave(None, 0)


def leave(message: str | None, code: int) -> None:
    """End at once: threads that still work on a job must not keep us, the job is taken up by somebody else."""
    if message is not None:
        sys.stderr.write(f"polyscribe: {message}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_with(parent: int) -> None:
    """Make sure that this process ends when its parent does, however that ends."""
    die_with_parent()
    if sys.platform != "linux":
        threading.Thread(target=_watch_pipe, daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch_pipe() -> None:
    """The supervisor holds the other end open for as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
