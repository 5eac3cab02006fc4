"""Request bodies, read with a limit and taken apart with care. Knows no field of any API."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from polyscribe.domain.errors import BadInput

MAX_BYTES = 1 << 20
MAX_DEPTH = 40


async def small(request: Request) -> bytes:
    """The whole body of a request that carries no media.

    Raises:
        BadInput: it is larger than MAX_BYTES, or the client went away before its end.
    """
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BYTES:
                raise BadInput(f"The request body is larger than {MAX_BYTES} bytes.")
    except ClientDisconnect:
        raise BadInput("The request ended before its body did.") from None
    return bytes(body)


def json_object(media_type: str | None, body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. A missing Content-Type is let pass, another one than JSON is not.

    Raises:
        BadInput: not JSON, not an object, or with text that cannot be stored (NUL, lone surrogates).
    """
    named = (media_type or "application/json").partition(";")[0].strip().lower()
    if named != "application/json" and not named.endswith("+json"):
        raise BadInput("The request body must be JSON, sent as application/json.")
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadInput("The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadInput("The request body must be a JSON object.")
    _check(value, 0)
    return value


def is_text(value: str) -> bool:
    """Whether it can be stored as text everywhere: no NUL, no half of a surrogate pair."""
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadInput("The request body is nested too deeply.")
    if isinstance(value, str) and not is_text(value):
        raise BadInput("The request body has text with characters that cannot be stored.")
    if isinstance(value, dict):
        for key, content in value.items():
            _check(key, depth + 1)
            _check(content, depth + 1)
    if isinstance(value, list):
        for content in value:
            _check(content, depth + 1)


def _refuse(constant: str) -> None:
    raise ValueError(constant)
