"""A loopback HTTP server that does what a test's script says, byte by byte, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Line:
    """One accepted connection, handed to the script together with the request."""

    sock: socket.socket
    over: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A complete response; `content_length="…"` overrides the true length."""
        named = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.send(f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode() + body)

    def hang(self) -> None:
        """Say nothing until the test ends."""
        self.over.wait(20)

    def hang_up(self) -> None:
        self.sock.close()


Script = Callable[[Asked, Line], None]


@dataclass
class StandIn:
    host: str
    port: int
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """A running server; all its connections are closed and its threads joined at the end."""
    listener = socket.create_server((host, 0))
    listener.settimeout(0.05)
    stand_in = StandIn(host, listener.getsockname()[1])
    over = threading.Event()
    workers: list[threading.Thread] = []

    def converse(sock: socket.socket) -> None:
        with suppress(OSError):
            if tls is not None:
                sock = tls.wrap_socket(sock, server_side=True)
            with sock:
                asked = _read(sock)
                if asked is not None:
                    stand_in.asked.append(asked)
                    script(asked, Line(sock, over))
        sock.close()

    def accept() -> None:
        while not over.is_set():
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                continue
            stand_in.connections += 1
            sock.settimeout(20)
            workers.append(threading.Thread(target=converse, args=(sock,)))
            workers[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield stand_in
    finally:
        over.set()
        acceptor.join()
        for worker in workers:
            worker.join()
        listener.close()


def _read(sock: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more or not (data + more)[:1].isalpha():  # gone, or not HTTP (a TLS handshake)
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += sock.recv(65536)
    method, path, _ = first.split(" ", 2)
    return Asked(method, path, headers, body)
