"""What a response's status and headers mean for a fetch, as pure functions. Knows no connection and no file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from polyscribe.domain.errors import FetchFailed, FetchFault

CONTENT = frozenset({200, 203})
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_FAULTS = {
    401: FetchFault.NOT_AUTHORIZED,
    403: FetchFault.NOT_AUTHORIZED,
    404: FetchFault.NOT_FOUND,
    408: FetchFault.UNAVAILABLE,
    410: FetchFault.NOT_FOUND,
    425: FetchFault.UNAVAILABLE,
    429: FetchFault.UNAVAILABLE,
}
_LONGEST_WAIT_S = 3600.0
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


def named(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; of repeated ones the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, value in headers}


def location(status: int, headers: Mapping[str, str]) -> str | None:
    """Where a redirect leads, as it is spelt; None when it is none."""
    if status not in _REDIRECTS or not headers.get("location"):
        return None
    sent = headers["location"].encode("latin-1")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return headers["location"]


def failure(host: str, status: int, headers: Mapping[str, str], now: datetime) -> FetchFailed:
    """The failure that a status which brings no content stands for."""
    fault = _FAULTS.get(status, FetchFault.UNAVAILABLE if status >= 500 else FetchFault.REFUSED)
    wait = wait_s(headers.get("retry-after", ""), now) if fault is FetchFault.UNAVAILABLE else None
    return FetchFailed(fault, f"{host} answered with status {status}.", status, wait)


def wait_s(retry_after: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 §10.2.3), an hour at most; None when it says nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        wanted = float(retry_after[:9])
    else:
        until = _instant(retry_after)
        if until is None:
            return None
        wanted = (until - now).total_seconds()
    return min(max(wanted, 0.0), _LONGEST_WAIT_S)


def media_type(headers: Mapping[str, str]) -> str | None:
    """`type/subtype` in lower case, without parameters."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    return essence if re.fullmatch(r"[!-.0-~]+/[!-.0-~]+", essence) else None


def coding(headers: Mapping[str, str]) -> str:
    """The Content-Encoding in lower case; empty when there is none."""
    return headers.get("content-encoding", "").lower()


def declared_bytes(headers: Mapping[str, str]) -> int | None:
    """What Content-Length promises."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What may stand in If-Range: a strong ETag, or a Last-Modified that is old enough (RFC 9110 §8.8.2.2)."""
    tag = headers.get("etag", "")
    if tag:
        return tag if tag.startswith('"') else None
    modified, sent = _instant(headers.get("last-modified", "")), _instant(headers.get("date", ""))
    if modified is None or sent is None or sent - modified < timedelta(seconds=60):
        return None
    return headers["last-modified"]


@dataclass(frozen=True, slots=True)
class Range:
    """A Content-Range: bytes `start` up to `stop`, of `total` when the server knows it."""

    start: int
    stop: int
    total: int | None

    def continues(self, size_bytes: int, total: int | None) -> bool:
        """Whether it goes on where `size_bytes` ended, to the end, in something of the same length as before."""
        if self.start != size_bytes or self.stop <= self.start:
            return False
        return None in (total, self.total) or total == self.total


def content_range(headers: Mapping[str, str]) -> Range | None:
    """The Content-Range of a 206; None when it is missing or makes no sense."""
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if match is None:
        return None
    total = None if match[3] == "*" else int(match[3])
    return Range(int(match[1]), int(match[2]) + 1, total)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
