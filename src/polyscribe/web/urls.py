"""Under which address the world sees this server: the base of every absolute URL that is handed out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

AUTHORITY = re.compile(r"[A-Za-z0-9.\-_:\[\]]{1,255}")
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,60}){0,8}/?")


def base(public_url: str | None, request: HTTPConnection) -> str:
    """Scheme, authority and path prefix without a final slash: as configured, else as the request tells.

    What a proxy forwards wins over what we see; a header that is no host or no path is passed over.
    """
    if public_url is not None:
        return public_url.rstrip("/")
    scheme = _first(request, "x-forwarded-proto", request.url.scheme)
    if scheme not in {"http", "https"}:
        scheme = request.url.scheme
    authority = _first(request, "x-forwarded-host", "")
    if not AUTHORITY.fullmatch(authority):
        authority = request.headers.get("host", "")
    if not AUTHORITY.fullmatch(authority):
        authority = "localhost"
    prefix = _first(request, "x-forwarded-prefix", request.scope.get("root_path", ""))
    if not PREFIX.fullmatch(prefix):
        prefix = ""
    return f"{scheme}://{authority}{prefix.rstrip('/')}"


def prefix(public_url: str | None) -> str:
    """The path in front of all our paths, without a final slash; empty when there is none."""
    return "" if public_url is None else urlsplit(public_url).path.rstrip("/")


def _first(request: HTTPConnection, header: str, otherwise: str) -> str:
    return request.headers.get(header, otherwise).split(",")[0].strip()
