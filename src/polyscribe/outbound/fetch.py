"""Content from a customer's address into a file: redirects by hand, resumes by range, never whole in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import httpcore2

from polyscribe import telemetry
from polyscribe.domain.errors import FetchFailed, FetchFault, StoreFailed
from polyscribe.outbound import answers
from polyscribe.outbound.inflate import PLAIN, inflated
from polyscribe.outbound.line import Line, request
from polyscribe.outbound.patience import Over, Patience
from polyscribe.outbound.target import Target
from polyscribe.ports import Fetched

_HEADERS = (("User-Agent", "polyscribe"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))


def fetch(line: Line, target: Target, into: Path, patience: Patience, *, max_bytes: int, allow_http: bool) -> Fetched:
    """Stream the content to a file beside `into`, then rename it; nothing is left behind on failure.

    Each resume begins at the first address again: a redirect may lead elsewhere by now (signed URLs expire).

    Raises:
        FetchFailed: with the fault.
        StoreFailed: the file cannot be written (a full disk).
    """
    partial = into.with_name(into.name + ".part")
    try:
        with partial.open("wb") as file:
            content = _Content(file, max_bytes)
            _persist(line, target, content, patience, allow_http)
        partial.replace(into)
    except OSError as error:
        raise StoreFailed("The content cannot be written to disk.") from error
    finally:
        partial.unlink(missing_ok=True)
    return Fetched(content.size_bytes, content.sha256.hexdigest(), content.media_type)


class _Content:
    """What has come so far. `furthest` is the most that ever was there, `validator` what proves it unchanged."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self.max_bytes = max_bytes
        self.furthest = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything but how far we once were."""
        self._file.seek(0)
        self._file.truncate()
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0
        self.total: int | None = None
        self.validator: str | None = None
        self.media_type: str | None = None

    def expect_all(self, headers: dict[str, str]) -> None:
        """A whole response begins. Only what comes uncompressed can be resumed."""
        self.begin_anew()
        declared = answers.declared_bytes(headers)
        self._refuse_above(declared or 0)
        self.media_type = answers.media_type(headers)
        if answers.coding(headers) in PLAIN:
            self.total = declared
            self.validator = answers.strong_validator(headers)

    def expect_rest(self, headers: dict[str, str]) -> None:
        """A partial response begins; if it is not what comes next, everything begins anew."""
        rest = answers.content_range(headers)
        fits = rest is not None and rest.continues(self.size_bytes, self.total)
        if rest is None or not fits or answers.coding(headers) not in PLAIN:
            self.begin_anew()
            raise FetchFailed(FetchFault.UNAVAILABLE, "The server resumed at the wrong place.")
        self.total = rest.total if self.total is None else self.total
        self._refuse_above(self.total or 0)

    def write(self, piece: bytes) -> None:
        self._refuse_above(self.size_bytes + len(piece))
        self._file.write(piece)
        self.sha256.update(piece)
        self.size_bytes += len(piece)
        self.furthest = max(self.furthest, self.size_bytes)

    def end(self) -> None:
        """The response is complete; is the content?"""
        if self.total is None or self.size_bytes == self.total:
            return
        if self.size_bytes > self.total:
            self.begin_anew()
        raise FetchFailed(FetchFault.UNAVAILABLE, "The server sent another length than it had announced.")

    def _refuse_above(self, size_bytes: int) -> None:
        if size_bytes > self.max_bytes:
            raise FetchFailed(FetchFault.TOO_LARGE, f"The content is larger than {self.max_bytes} bytes.")


def _persist(line: Line, target: Target, content: _Content, patience: Patience, allow_http: bool) -> None:
    """Try until the content is complete; resume only what had begun, and not for ever."""
    limits = patience.limits
    resumes = in_vain = 0
    while True:
        furthest = content.furthest
        try:
            _attempt(line, target, content, patience, allow_http)
        except Over:
            raise
        except FetchFailed as failed:
            in_vain = 0 if content.furthest > furthest else in_vain + 1
            began = content.furthest > 0
            if not (failed.retryable and began and in_vain < limits.resumes and resumes < limits.resumes_total):
                raise
            asked_s = min(failed.wait_s or 0.0, limits.quiet_s)
        else:
            return
        resumes += 1
        telemetry.emit("outbound.resumed", size_bytes=content.size_bytes, in_vain=in_vain)
        patience.pause(max(asked_s, limits.pause_s * 2 ** (in_vain - 1) if in_vain else 0.0))


def _attempt(line: Line, target: Target, content: _Content, patience: Patience, allow_http: bool) -> None:
    """One response: the whole content, or the rest of it."""
    resuming = content.size_bytes > 0 and content.validator is not None
    wanted = [("Range", f"bytes={content.size_bytes}-"), ("If-Range", content.validator or "")] if resuming else []
    with _final(line, target, [*_HEADERS, *wanted], patience, allow_http) as (host, response):
        headers = answers.named(response.headers)
        if response.status in answers.CONTENT:
            content.expect_all(headers)
        elif response.status == answers.PARTIAL and resuming:
            content.expect_rest(headers)
        elif response.status == answers.RANGE_NOT_SATISFIABLE and resuming:
            content.begin_anew()
            raise FetchFailed(FetchFault.UNAVAILABLE, f"{host} cannot resume.", response.status)
        else:
            raise answers.failure(host, response.status, headers, datetime.now(UTC))
        for piece in inflated(response.iter_stream(), answers.coding(headers), content.max_bytes):
            content.write(piece)
        content.end()


@contextmanager
def _final(
    line: Line, target: Target, headers: Sequence[tuple[str, str]], patience: Patience, allow_http: bool
) -> Iterator[tuple[str, httpcore2.Response]]:
    """The response behind all redirects, and the host that gave it. Every hop is resolved and checked afresh."""
    for _ in range(patience.limits.redirects + 1):
        credentials = [] if target.authorization is None else [("Authorization", target.authorization)]
        with request(line, "GET", target, [*headers, *credentials], patience, allow_http=allow_http) as response:
            location = answers.location(response.status, answers.named(response.headers))
            if location is None:
                yield target.host, response
                return
        target = target.joined(location)
    raise FetchFailed(FetchFault.TOO_MANY_REDIRECTS, f"More than {patience.limits.redirects} redirects.")
