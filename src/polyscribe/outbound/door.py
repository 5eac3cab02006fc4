"""The door itself: what wiring builds and everybody else knows as `ports.Outbound`."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpcore2

from polyscribe import telemetry
from polyscribe.domain.errors import FetchFailed
from polyscribe.outbound.addresses import Allowed
from polyscribe.outbound.fetch import fetch
from polyscribe.outbound.line import Line, Resolver
from polyscribe.outbound.patience import Limits, Patience
from polyscribe.outbound.send import send
from polyscribe.outbound.target import parse
from polyscribe.ports import Answer, Fetched


def _within(timeout_s: float) -> Limits:
    """One time for everything: a receiver may use it up in silence."""
    return Limits(
        connect_s=timeout_s, quiet_s=timeout_s, head_s=timeout_s, total_s=timeout_s, slow_bytes_per_s=0, redirects=0
    )


class Door:
    """Opens addresses that customers gave us. Thread-safe: calls share nothing that a call changes."""

    def __init__(
        self,
        allowed: Allowed,
        resolver: Resolver = socket.getaddrinfo,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` None trusts the certificates of this machine, or those that SSL_CERT_FILE names."""
        self._line = Line(allowed, resolver, httpcore2.default_ssl_context() if tls is None else tls)
        self._limits = Limits() if limits is None else limits

    def fetch(
        self,
        url: str,
        into: Path,
        *,
        max_bytes: int,
        allow_http: bool = False,
        basic_auth: tuple[str, str] | None = None,
        still_wanted: Callable[[], bool] | None = None,
    ) -> Fetched:
        """Stream the content to `into` (resuming after a dropped connection), blocking.

        `still_wanted` is asked about once a second, also while the server is silent; after a no the fetch fails with
        UNAVAILABLE and `retryable` False.

        Raises:
            FetchFailed: with the fault; the partial file is removed.
            StoreFailed: the file cannot be written.
        """
        began = time.monotonic()
        try:
            patience = Patience(self._limits, still_wanted)
            fetched = fetch(
                self._line, parse(url, basic_auth), into, patience, max_bytes=max_bytes, allow_http=allow_http
            )
        except FetchFailed as failed:
            telemetry.emit("outbound.fetch_failed", fault=failed.fault, took_s=time.monotonic() - began)
            raise
        telemetry.emit("outbound.fetched", size_bytes=fetched.size_bytes, took_s=time.monotonic() - began)
        return fetched

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes,
        timeout_s: float = 15.0,
        allow_http: bool = False,
    ) -> Answer:
        """One request of a webhook, blocking; redirects are not followed. Any HTTP status is an answer.

        `timeout_s` is for everything together.

        Raises:
            FetchFailed: there was no answer (address refused, unresolved, connection lost, timed out).
        """
        began = time.monotonic()
        try:
            patience = Patience(_within(timeout_s))
            answer = send(self._line, method, parse(url), headers, body, patience, allow_http=allow_http)
        except FetchFailed as failed:
            telemetry.emit("outbound.send_failed", fault=failed.fault, took_s=time.monotonic() - began)
            raise
        telemetry.emit("outbound.sent", status=answer.status, took_s=time.monotonic() - began)
        return answer
