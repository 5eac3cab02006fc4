from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from audio import tasks
from polyscribe import telemetry
from polyscribe.audio import sandbox, seccomp
from polyscribe.audio.sandbox import Allowance, Child
from polyscribe.domain.errors import EngineFailed, SourceFailed, SourceFault

ALLOWANCE = Allowance(cpu_s=20, wall_s=60.0)
needs_seccomp = pytest.mark.skipif(not seccomp.is_supported(), reason="this kernel takes no seccomp filter")


@contextmanager
def child(tmp_path: Path, task: str, allowance: Allowance = ALLOWANCE, **request: str) -> Iterator[Child]:
    path = tmp_path / "source"
    path.write_bytes(b"what is in the file")
    with path.open("rb") as file, sandbox.run(f"{tasks.__name__}:{task}", request, file.fileno(), allowance) as running:
        yield running


def fault_of(tmp_path: Path, task: str, allowance: Allowance = ALLOWANCE) -> SourceFault:
    with child(tmp_path, task, allowance) as running, pytest.raises(SourceFailed) as failed:
        list(running.messages())
    return failed.value.fault


def pid_of(running: Child) -> int:
    _, payload = next(running.messages())
    return int(payload)


def is_gone(pid: int) -> bool:
    for _ in range(500):
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_child_reads_its_file_and_answers(tmp_path: Path) -> None:
    with child(tmp_path, "echo", word="hello") as running:
        told = list(running.messages())

    assert told == [(b"A", b"what is in the file"), (b"B", b"hello")]
    assert running.ending is not None
    assert running.ending.code == running.ending.signal == 0
    assert running.ending.cpu_s > 0
    assert running.ending.peak_kb > 1000


@needs_seccomp
def test_every_way_out_is_closed(tmp_path: Path) -> None:
    with child(tmp_path, "escape", path=str(tmp_path / "made")) as running:
        ((_, told),) = running.messages()

    ways = dict(way.split("=") for way in told.decode().split())
    assert ways.keys() >= {"internet", "datagram", "unix", "read", "write", "list", "fork", "exec", "kill"}
    assert "0" not in ways.values()
    assert not (tmp_path / "made").exists()


def test_nothing_of_our_environment_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.stop()
    monkeypatch.setenv("SECRET_KEY", "hidden")

    with child(tmp_path, "environment") as running:
        ((_, told),) = running.messages()

    assert "SECRET_KEY" not in told.decode()


def test_too_much_cpu_is_a_resource_limit(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "burn", Allowance(cpu_s=1, wall_s=60.0)) is SourceFault.RESOURCE_LIMIT


def test_too_much_memory_is_a_resource_limit(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "hog") is SourceFault.RESOURCE_LIMIT


def test_too_long_a_wait_is_a_resource_limit_and_the_child_is_gone(tmp_path: Path) -> None:
    with child(tmp_path, "sleep", Allowance(cpu_s=5, wall_s=3.0)) as running:
        messages = running.messages()
        _, payload = next(messages)
        with pytest.raises(SourceFailed) as failed:
            next(messages)

    assert failed.value.fault is SourceFault.RESOURCE_LIMIT
    assert is_gone(int(payload))


def test_the_first_message_has_a_limit_of_its_own(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, "dawdle", Allowance(cpu_s=5, wall_s=60.0, start_s=0.5))

    assert fault is SourceFault.RESOURCE_LIMIT


def test_the_time_that_a_child_waits_for_us_does_not_count(tmp_path: Path) -> None:
    with child(tmp_path, "flood", Allowance(cpu_s=20, wall_s=3.0)) as running:
        messages = running.messages()
        next(messages)
        time.sleep(3.1)

        kinds = [next(messages)[0] for _ in range(50)]

    assert kinds == [b"A"] * 50


def test_a_crash_is_a_corrupt_source(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "segfault") is SourceFault.CORRUPT


def test_a_message_beyond_all_size_is_a_corrupt_source(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "stutter") is SourceFault.CORRUPT


def test_an_exception_is_told_by_type_and_place_but_not_by_content(tmp_path: Path) -> None:
    heard: list[tuple[str, dict[str, telemetry.Fact]]] = []
    detach = telemetry.listen(lambda name, facts: heard.append((name, facts)))

    fault = fault_of(tmp_path, "stumble")

    detach()
    facts = dict(heard)
    assert fault is SourceFault.CORRUPT
    assert str(facts["decoder_failed"]["where"]).startswith("ValueError stumble:")
    assert facts["decoder_crashed"]["signal"] == 0
    assert "secret" not in str(heard)


def test_a_child_that_was_killed_from_outside_is_worth_another_try(tmp_path: Path) -> None:
    with child(tmp_path, "sleep") as running:
        os.kill(pid_of(running), signal.SIGKILL)
        with pytest.raises(EngineFailed) as failed:
            list(running.messages())

    assert failed.value.retryable


@pytest.mark.parametrize("task", ["sleep", "burn"])
def test_leaving_the_block_ends_the_child(tmp_path: Path, task: str) -> None:
    with child(tmp_path, task) as running:
        pid = pid_of(running)

    assert is_gone(pid)


def test_an_exception_in_the_block_ends_the_child(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail() -> None:
        with child(tmp_path, "sleep") as running:
            pids.append(pid_of(running))
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert is_gone(pids[0])


def test_a_nursery_that_died_is_replaced(tmp_path: Path) -> None:
    with child(tmp_path, "sleep") as running:
        first = psutil.Process(pid_of(running)).ppid()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(EngineFailed):
            list(running.messages())

    with child(tmp_path, "echo", word="again") as running:
        told = list(running.messages())

    assert len(told) == 2


def test_children_are_independent_of_each_other(tmp_path: Path) -> None:
    with child(tmp_path, "sleep") as sleeping:
        pid = pid_of(sleeping)
        with child(tmp_path, "echo", word="meanwhile") as running:
            told = list(running.messages())
        alive = psutil.pid_exists(pid)

    assert len(told) == 2
    assert alive


def test_no_process_outlives_a_killed_service(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from polyscribe.audio import sandbox\n"
        "with open(sys.argv[2], 'rb') as file:\n"
        "    with sandbox.run('audio.tasks:burn', {}, file.fileno(), sandbox.Allowance(100, 100.0)) as child:\n"
        "        print(bytes(next(child.messages())[1]).decode(), flush=True)\n"
        "        time.sleep(100)\n"
    )
    (tmp_path / "source").write_bytes(b"x")
    command = [sys.executable, "-c", program, str(Path(tasks.__file__).parents[1]), str(tmp_path / "source")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        nursery = psutil.Process(pid).ppid()

        service.kill()

    assert is_gone(pid)
    assert is_gone(nursery)


def test_the_filter_jumps_to_its_end() -> None:
    for machine in seccomp.ALLOWED:
        steps = seccomp.program(machine)
        count = len(seccomp.ALLOWED[machine][1])
        assert len(steps) == 8 * (count + 6)
        for index in range(count):
            assert 4 + index + 1 + steps[8 * (4 + index) + 2] == count + 5
