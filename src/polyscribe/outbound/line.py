"""One request over one connection to a checked address. Knows neither redirects nor files.

The check sits in the function that dials (`_Dialler.connect_tcp`), so there is no way around it: what is resolved
is what is checked is what is connected to. TLS names are checked against the host of the URL. Nothing is read
from the environment except where trusted certificates are (SSL_CERT_FILE); no proxy, no cookies, no .netrc.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore2

from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound.addresses import Address, Allowed
from polyscribe.outbound.patience import Patience
from polyscribe.outbound.target import Target

Resolver = Callable[..., Sequence[tuple[Any, Any, Any, str, Any]]]
"""`socket.getaddrinfo`, or something that answers like it."""

_PIECE_BYTES = 16 * 1024
# The resolver could not be asked; another time it may know. (socket has no EAI_SYSTEM on Windows.)
_TEMPORARY = frozenset(
    code for name in ("EAI_AGAIN", "EAI_MEMORY", "EAI_SYSTEM") if (code := getattr(socket, name, None)) is not None
)


@dataclass(frozen=True, slots=True)
class Line:
    """What every request needs: who may be reached, who resolves names, and which certificates are trusted."""

    allowed: Allowed
    resolver: Resolver
    tls: ssl.SSLContext


@contextmanager
def request(
    line: Line,
    method: str,
    target: Target,
    headers: Iterable[tuple[str, str]],
    patience: Patience,
    *,
    allow_http: bool,
    body: bytes | None = None,
) -> Iterator[httpcore2.Response]:
    """Send one request; the response's body can be read inside the context. Credentials are the caller's business.

    Raises:
        FetchFailed: also from inside the context, when reading fails.
    """
    limits = patience.limits
    dialler = _Dialler(line, patience, plain=target.scheme == "http" and not allow_http)
    url = httpcore2.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    head = [("Host", target.authority), *headers, ("Connection", "close")]
    with _translated(target.host):
        connection = httpcore2.HTTPConnection(url.origin, ssl_context=line.tls, network_backend=dialler)
        with (
            patience.for_head() as got_head,
            connection,
            connection.stream(
                method.encode(),
                url,
                headers=[(name.encode(), value.encode()) for name, value in head],
                content=body,
                extensions={"timeout": {"connect": limits.connect_s, "read": limits.quiet_s, "write": limits.quiet_s}},
            ) as response,
        ):
            got_head()
            yield response


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """httpcore's errors as ours. Causes are cut off: they may quote what was sent."""
    try:
        yield
    except httpcore2.TimeoutException:
        raise FetchFailed(FetchFault.TIMED_OUT, f"{host} did not answer in time.") from None
    except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
        raise FetchFailed(FetchFault.UNAVAILABLE, f"The connection to {host} failed.") from None
    except httpcore2.LocalProtocolError:
        raise FetchFailed(FetchFault.BAD_ADDRESS, f"The request to {host} is not valid HTTP.") from None


class _Dialler(httpcore2.NetworkBackend):
    """Resolves, checks, and connects to what it checked."""

    def __init__(self, line: Line, patience: Patience, *, plain: bool) -> None:
        self._line = line
        self._patience = patience
        self._plain = plain

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        self._patience.check()
        addresses = _resolve(self._line.resolver, host, port)
        check(self._line.allowed, host, addresses, plain=self._plain)
        for address in addresses[:-1]:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return self._connect(address, port, timeout, socket_options)
        return self._connect(addresses[-1], port, timeout, socket_options)

    def _connect(
        self,
        address: Address,
        port: int,
        timeout: float | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> httpcore2.NetworkStream:
        wait_s = self._patience.left_s(self._patience.limits.connect_s if timeout is None else timeout)
        stream = httpcore2.SyncBackend().connect_tcp(str(address), port, wait_s, None, socket_options)
        return _Stream(stream, self._patience)


def check(allowed: Allowed, host: str, addresses: Sequence[Address], *, plain: bool) -> None:
    """Every address of a host must be permitted; without TLS (`plain`) the operator must even have listed it.

    Raises:
        FetchFailed: FORBIDDEN_ADDRESS (without a word about where it leads), BAD_ADDRESS for http.
    """
    if not all(allowed.permits(host, address) for address in addresses):
        raise FetchFailed(FetchFault.FORBIDDEN_ADDRESS, f"{host} leads to an address that this server may not open.")
    if plain and not all(allowed.lists(host, address) for address in addresses):
        raise FetchFailed(FetchFault.BAD_ADDRESS, f"{host} must be reached over https.")


def _resolve(resolver: Resolver, host: str, port: int) -> list[Address]:
    try:
        found = resolver(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _TEMPORARY:
            raise FetchFailed(FetchFault.UNAVAILABLE, f"The name {host} cannot be resolved just now.") from None
        raise FetchFailed(FetchFault.UNRESOLVED, f"The name {host} is not known.") from None
    addresses = list(dict.fromkeys(ip_address(place[0]) for *_, place in found))
    if not addresses:
        raise FetchFailed(FetchFault.UNRESOLVED, f"The name {host} is not known.")
    return addresses


class _Stream(httpcore2.NetworkStream):
    """A connection on which patience runs out, also in the middle of a silence and between single bytes."""

    def __init__(self, stream: httpcore2.NetworkStream, patience: Patience) -> None:
        self._stream = stream
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        quiet_until = time.monotonic() + (self._patience.limits.quiet_s if timeout is None else timeout)
        while True:
            wait_s = self._patience.slice_s(quiet_until - time.monotonic())
            try:
                data = self._stream.read(max_bytes, wait_s)
            except httpcore2.ReadTimeout:
                if time.monotonic() >= quiet_until:
                    raise
            else:
                self._patience.got_bytes(len(data))
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE_BYTES):
            wait_s = self._patience.left_s(self._patience.limits.quiet_s if timeout is None else timeout)
            self._stream.write(buffer[start : start + _PIECE_BYTES], wait_s)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        with ExitStack() as undo:
            undo.callback(self.close)
            wait_s = self._patience.left_s(self._patience.limits.connect_s if timeout is None else timeout)
            try:
                stream = self._stream.start_tls(ssl_context, server_hostname, wait_s)
            except httpcore2.ConnectError as error:
                if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                    message = f"The certificate of {server_hostname} cannot be trusted."
                    raise FetchFailed(FetchFault.REFUSED, message) from None
                raise
            undo.pop_all()
        return _Stream(stream, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
