"""`polyscribe serve`: the first day, the end in order, crashes and kills, as an operator sees them."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest

import servers

START_S = 60.0
END_S = 20.0


@dataclass
class Server:
    """A server that was started as the operator starts it; what it prints is in a file."""

    process: subprocess.Popen[bytes]
    printed: Path

    @property
    def text(self) -> str:
        return self.printed.read_text()

    @property
    def base_url(self) -> str:
        found = re.search(r"answers on (http://\S+)", self.text)
        return found[1] if found else ""

    def parts(self) -> dict[str, psutil.Process]:
        """Its long-lived processes by name."""
        children = psutil.Process(self.process.pid).children()
        named = {each: _part(each) for each in children}
        return {name: each for each, name in named.items() if name in {"api", "worker"}}

    def is_well(self) -> bool:
        try:
            return httpx2.get(f"{self.base_url}/healthz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


def until(holds: Callable[[], object], within_s: float = START_S) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


@contextmanager
def serving(data_dir: Path, folder: Path) -> Iterator[Server]:
    """A server that answers; it is ended when the block is left."""
    process = servers.spawn(servers.environment(data_dir), servers.free_port(), folder / "printed", "--workers", "1")
    server = Server(process, folder / "printed")
    try:
        until(lambda: server.base_url or process.poll() is not None)
        yield server
    finally:
        servers.stop(process)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose first day is over; the tests that need it use it one after the other."""
    return tmp_path_factory.mktemp("serve") / "data"


@pytest.fixture(scope="module")
def first_day(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """What a server printed on an empty data directory, and its exit code after SIGTERM."""
    with serving(data_dir, tmp_path_factory.mktemp("first")) as server:
        until(lambda: "Your own: polyscribe transcribe" in server.text)
        assert server.is_well()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(END_S)
    return server.text, code


@pytest.fixture(scope="module")
def second_day(
    first_day: tuple[str, int], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that runs on what the first day left."""
    with serving(data_dir, tmp_path_factory.mktemp("second")) as server:
        yield server


def _part(process: psutil.Process) -> str:
    try:
        return process.cmdline()[-1]
    except (psutil.NoSuchProcess, psutil.ZombieProcess, IndexError):
        return ""


@pytest.mark.real
def test_on_its_first_day_a_server_shows_credentials_and_a_transcript(first_day: tuple[str, int]) -> None:
    text, code = first_day

    assert code == 0
    assert re.search(r"account_sid +AC[0-9a-f]{32}\n", text)
    assert re.search(r"openai +api_key +sk-polyscribe-\S+\n", text)
    assert "My last name is Carter" in text
    assert "Traceback" not in text


@pytest.mark.real
def test_on_another_day_no_credentials_are_shown(second_day: Server) -> None:
    until(second_day.is_well)

    assert "auth_token" not in second_day.text
    assert "A sample call" not in second_day.text


def test_a_crashed_part_is_started_again_and_the_address_stays(second_day: Server) -> None:
    until(lambda: second_day.parts().keys() == {"api", "worker"})
    before = second_day.parts()

    for part in before.values():
        part.kill()
    psutil.wait_procs(list(before.values()))

    until(lambda: second_day.parts().keys() == {"api", "worker"})
    until(second_day.is_well)
    assert "part_failed" in second_day.text


def test_a_port_that_is_taken_is_told_in_one_line(second_day: Server, data_dir: Path) -> None:
    port = second_day.base_url.rpartition(":")[2]

    second = subprocess.run(
        servers.command("serve", "--port", port, "--data-dir", str(data_dir)),
        capture_output=True,
        text=True,
        check=False,
    )

    told = f"polyscribe: Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another with --port.\n"
    assert (second.returncode, second.stderr) == (1, told)


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    nothing = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"

    tried = subprocess.run(
        servers.command("serve", "--port", "0"),
        env=servers.environment(tmp_path, DATABASE_URL=nothing),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (tried.returncode, tried.stdout) == (1, "")
    assert tried.stderr.startswith("polyscribe: ")
    assert tried.stderr.count("\n") == 1


def test_a_killed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    with serving(tmp_path / "data", tmp_path) as server:
        until(lambda: server.parts().keys() == {"api", "worker"})
        descendants = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        _, alive = psutil.wait_procs(descendants, timeout=5)

    assert alive == []
