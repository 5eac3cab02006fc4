"""What a child of the sandbox is made to do in test_sandbox: jobs that no decoder should be able to do."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyscribe.audio.nursery import tell


def echo(source: int, out: int, request: dict[str, Any]) -> None:
    tell(out, b"A", os.read(source, 100))
    tell(out, b"B", str(request["word"]).encode())


def escape(source: int, out: int, request: dict[str, Any]) -> None:
    """Try every way out and tell which errno each met; 0 for a way that is open."""
    ways: dict[str, Callable[[], Any]] = {
        "internet": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "datagram": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "read": lambda: Path("/etc/passwd").read_bytes(),
        "write": lambda: Path(request["path"]).write_bytes(b""),
        "list": lambda: list(Path("/").iterdir()),
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
        "kill": lambda: os.kill(1, 0),
        "limits": lambda: __import__("resource").setrlimit(0, (-1, -1)),
        "unlink": lambda: Path(request["path"]).unlink(),
    }
    tell(out, b"A", " ".join(f"{name}={_errno(way)}" for name, way in ways.items()).encode())


def _errno(way: Callable[[], Any]) -> int:
    try:
        way()
    except OSError as error:
        return error.errno or -1
    except (ImportError, ValueError):
        return -1
    return 0


def environment(source: int, out: int, request: dict[str, Any]) -> None:
    tell(out, b"A", " ".join(sorted(os.environ)).encode())


def burn(source: int, out: int, request: dict[str, Any]) -> None:
    tell(out, b"A", str(os.getpid()).encode())
    while True:
        pass


def sleep(source: int, out: int, request: dict[str, Any]) -> None:
    tell(out, b"A", str(os.getpid()).encode())
    time.sleep(600)


def dawdle(source: int, out: int, request: dict[str, Any]) -> None:
    time.sleep(600)


def hog(source: int, out: int, request: dict[str, Any]) -> None:
    tell(out, b"A", str(len(bytearray(2 << 30))).encode())


def segfault(source: int, out: int, request: dict[str, Any]) -> None:
    ctypes.string_at(0)


def stumble(source: int, out: int, request: dict[str, Any]) -> None:
    raise ValueError("secret content of a file")


def stutter(source: int, out: int, request: dict[str, Any]) -> None:
    os.write(out, b"A\xff\xff\xff\xff")


def flood(source: int, out: int, request: dict[str, Any]) -> None:
    while True:
        tell(out, b"A", bytes(100_000))
