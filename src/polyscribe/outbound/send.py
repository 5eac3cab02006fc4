"""One request of a webhook to a customer's address. Knows no retries and no schedule."""

from __future__ import annotations

from polyscribe.domain.errors import FetchFailed
from polyscribe.outbound.line import Line, request
from polyscribe.outbound.patience import Patience
from polyscribe.outbound.target import Target
from polyscribe.ports import Answer

_READ_BYTES = 64 * 1024
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding"})


def send(
    line: Line,
    method: str,
    target: Target,
    headers: dict[str, str],
    body: bytes,
    patience: Patience,
    *,
    allow_http: bool,
) -> Answer:
    """Send, and read no more than 64 KiB of what comes back; a status is an answer even if the rest never comes.

    Headers that frame the message (Host, Content-Length …) are always ours. An Authorization header of the caller
    wins over credentials in the URL.

    Raises:
        FetchFailed: there was no status.
    """
    sent = {name: value for name, value in headers.items() if name.lower() not in _OURS}
    names = {name.lower() for name in sent}
    if target.authorization is not None and "authorization" not in names:
        sent["Authorization"] = target.authorization
    if "user-agent" not in names:
        sent["User-Agent"] = "polyscribe"
    status: int | None = None
    try:
        content = body if body or method not in _BODILESS else None
        with request(line, method, target, sent.items(), patience, allow_http=allow_http, body=content) as response:
            status = response.status
            read_bytes = 0
            for piece in response.iter_stream():
                read_bytes += len(piece)
                if read_bytes >= _READ_BYTES:
                    break
    except FetchFailed:
        if status is None:
            raise
    return Answer(status)
