"""Running servers for the vendors' own client libraries: one whose recogniser is a fake, and the real one."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

import homes
import servers
import sounds
from polyscribe.testing import Sent

ENDED_S = 90.0
HOOK = "https://app.example.test/hook?x=1"


@dataclass
class Callback:
    """A request that the customer's host got: the address as it was asked for, the headers, the body."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Running:
    """A server with one account, media that it can fetch, and a customer who is called back."""

    base_url: str
    account_sid: str
    auth_token: str
    media_url: str
    callback_url: str
    recording_sid: str
    call_sid: str
    finish: Callable[[], None]
    """Let what is waiting be done."""
    callbacks: Callable[[], list[Callback]]
    """What the customer was told so far; waits for the first."""


@contextmanager
def listening(application: Any) -> Iterator[str]:
    """The address of an application that runs in a thread."""
    port = servers.free_port()
    options = {"host": "127.0.0.1", "port": port, "log_level": "error", "lifespan": "off", "ws": "none"}
    server = uvicorn.Server(uvicorn.Config(application, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def faked(folder: Path) -> Iterator[Running]:
    """In this process, with the fake recogniser; jobs run when the test says so."""
    call = sounds.sample_call(folder / "call.wav")
    with homes.home(folder) as home, listening(home.client.app) as base_url:
        media_url = "https://media.example.test/call.wav"
        home.outbound.files[media_url] = call
        recording_id, call_id = homes.keep(home, call)

        def callbacks() -> list[Callback]:
            return [_as_callback(sent) for sent in home.outbound.sent]

        yield Running(
            base_url,
            home.sid,
            home.token,
            media_url,
            HOOK,
            f"RE{recording_id.hex}",
            f"CA{call_id.hex}",
            home.work,
            callbacks,
        )


@contextmanager
def real(folder: Path) -> Iterator[Running]:
    """The server as it is started by hand, with the bundled recogniser."""
    with ExitStack() as stack:
        served = folder / "served"
        call = sounds.sample_call(served / "call.wav")
        customer = stack.enter_context(servers.customer(served))
        server = stack.enter_context(servers.polyscribe(folder / "data"))
        recording_sid, call_sid = _imported(server, call)

        def callbacks() -> list[Callback]:
            until = time.monotonic() + ENDED_S
            while not customer.received and time.monotonic() < until:
                time.sleep(0.1)
            return [Callback(customer.url + each.path, each.headers, each.body) for each in customer.received]

        yield Running(
            server.base_url,
            server.account_sid,
            server.auth_token,
            f"{customer.url}/call.wav",
            f"{customer.url}/hook?x=1",
            recording_sid,
            call_sid,
            lambda: None,
            callbacks,
        )


def _imported(server: servers.Server, call: Path) -> tuple[str, str]:
    """SIDs of a recording that the operator puts into the own store, and of its call."""
    options = ("--account", "tests", "--from", "+61255501234", "--to", "+61255505678", "--json")
    arguments = servers.command("recording", "import", str(call), *options)
    done = subprocess.run(arguments, env=server.environment, cwd=server.data_dir, check=True, capture_output=True)
    made = json.loads(done.stdout)
    return made["sid"], made["call_sid"]


def _as_callback(sent: Sent) -> Callback:
    return Callback(sent.url, sent.headers, sent.body)
