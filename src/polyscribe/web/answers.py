"""Answers that every API makes in the same way, whatever shape its content has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from polyscribe.domain.errors import PolyscribeError

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

Read = Callable[[int, int], AsyncIterator[bytes]]


def empty() -> Response:
    """204, without body and without media type."""
    return Response(status_code=204)


def media(request: Request, read: Read, size_bytes: int, media_type: str, etag: str) -> Response:
    """Stored bytes, or the one range of them that was asked for (RFC 9110 §14); several ranges are not answered.

    `read` gives bytes from a position up to another.
    """
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"'}
    if f'"{etag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range")
    if request.headers.get("if-range", f'"{etag}"') != f'"{etag}"':
        wanted = None
    found = None if wanted is None else _range(wanted, size_bytes)
    if found == (0, 0):
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size_bytes}"})
    start, stop = found or (0, size_bytes)
    headers["Content-Length"] = str(stop - start)
    if found is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    status = 200 if found is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(read(start, stop), status, headers, media_type)


def _range(wanted: str, size_bytes: int) -> tuple[int, int] | None:
    """From, up to; (0, 0) when nothing of it exists; None when it is no single range of bytes."""
    found = RANGE.fullmatch(wanted.strip().replace(" ", ""))
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        start, stop = max(size_bytes - int(found[2]), 0), size_bytes
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1 if found[2] else size_bytes, size_bytes)
        if found[2] and int(found[2]) < start:
            return None
    return (start, stop) if start < stop else (0, 0)


def sentence(error: HTTPException) -> str:
    """What an error of the web framework means to a customer."""
    sentences = {404: "There is nothing at this path.", 405: "This path does not answer that method."}
    return sentences.get(error.status_code, "The request could not be read.")


def shape_errors(application: FastAPI, shape: Callable[[Request, Exception], Response]) -> None:
    """Let `shape` answer for every error of an application: ours, those of the framework, and surprises."""

    async def answer(request: Request, error: Exception) -> Response:
        return shape(request, error)

    for kind in (PolyscribeError, HTTPException, RequestValidationError, Exception):
        application.add_exception_handler(kind, answer)
