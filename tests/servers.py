"""Servers for tests and benchmarks, all on 127.0.0.1: Polyscribe itself as processes, and a customer's host.

Whoever starts one stops it; only processes started here are ended, by their id.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START_S = 90.0


@dataclass
class Received:
    """A request that a customer's host got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Customer:
    """A customer's web host: gives out the files of a folder, and keeps what is posted to it."""

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, customer: Customer, **options: object) -> None:
        self._customer = customer
        super().__init__(*args, **options)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._customer.received.append(Received(self.path, dict(self.headers), body))
        self.send_response(self._customer.answers.pop(0) if self._customer.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@contextmanager
def customer(folder: Path) -> Iterator[Customer]:
    """A customer's host that serves `folder`; stopped when the block is left."""
    host = Customer("")
    handler = partial(_Handler, customer=host, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        host.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Server:
    """A running Polyscribe and the credentials of one account."""

    base_url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    account: dict[str, object]

    @property
    def account_sid(self) -> str:
        return str(self.account["twilio"]["account_sid"])  # type: ignore[index]

    @property
    def auth_token(self) -> str:
        return str(self.account["twilio"]["auth_token"])  # type: ignore[index]

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a Polyscribe that may reach this machine's loopback and nothing else that is private."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSCRIBE_")}
    ours = {"DATA_DIR": str(data_dir), "ALLOWED_PRIVATE_HOSTS": "127.0.0.1", "LOG_FORMAT": "json", **settings}
    return clean | {f"POLYSCRIBE_{name}": value for name, value in ours.items()}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "polyscribe", *arguments]


def spawn(environment: Mapping[str, str], port: int, log: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start `polyscribe serve`; its process group is its own."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command("serve", "--port", str(port), *options),
            env=dict(environment),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run(environment: Mapping[str, str], *arguments: str) -> bytes:
    """What a command of the operator prints."""
    done = subprocess.run(
        command(*arguments),
        env=dict(environment),
        cwd=environment["POLYSCRIBE_DATA_DIR"],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def create_account(environment: Mapping[str, str], name: str) -> dict[str, object]:
    account: dict[str, object] = json.loads(run(environment, "account", "create", name, "--json"))
    return account


def wait_ready(base_url: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float = START_S) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{base_url}/readyz", timeout=2) as answer:  # noqa: S310 (loopback)
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server is not ready:\n{log.read_text(errors='replace')[-4000:]}")


def stop(process: subprocess.Popen[bytes], timeout_s: float = 30.0) -> None:
    """Ask it to end; end it when it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def polyscribe(data_dir: Path, *options: str, **settings: str) -> Iterator[Server]:
    """A running server with one account; stopped when the block is left."""
    data_dir.mkdir(parents=True, exist_ok=True)
    variables = environment(data_dir, **settings)
    if "DATABASE_URL" in settings:
        run(variables, "migrate")
    account = create_account(variables, "tests")
    port, log = free_port(), data_dir / "server.log"
    process = spawn(variables, port, log, *options)
    server = Server(f"http://127.0.0.1:{port}", data_dir, variables, process, account)
    try:
        wait_ready(server.base_url, process, log)
        yield server
    finally:
        stop(server.process)
