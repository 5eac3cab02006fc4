"""Reading the Authorization header (RFC 7235, 7617, 6750). Knows no account."""

from __future__ import annotations

import base64
import binascii


def basic(header: str | None) -> tuple[str, str] | None:
    """User name and password, or None when the header is missing, of another scheme or malformed."""
    encoded = _of_scheme(header, "basic")
    if encoded is None:
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon and "\x00" not in user else None


def bearer(header: str | None) -> str | None:
    """The token, or None when the header is missing, of another scheme or empty."""
    return _of_scheme(header, "bearer") or None


def _of_scheme(header: str | None, scheme: str) -> str | None:
    name, _, rest = (header or "").strip().partition(" ")
    return rest.strip() if name.lower() == scheme else None
