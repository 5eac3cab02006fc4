"""What both Twilio APIs share: spellings of ids and times, who is asking, errors, signatures of callbacks.

It stands here and not in an API because APIs never import each other, and Twilio's customers meet the same manners
on all of its hosts. Sources: contract "Twilio Conversational Intelligence v2" §1; TypeID specification 0.3.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyscribe.delivery.schedule import Schedule, worth_retrying
from polyscribe.domain.errors import (
    BadInput,
    Conflict,
    Failed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Refused,
    TooMany,
    Unavailable,
)
from polyscribe.services import access
from polyscribe.services.app import App
from polyscribe.web import answers, credentials
from polyscribe.web.bodies import is_text

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SID_OF_CALLER = re.compile(r"(AC|SK)[0-9a-fA-F]{32}")
SPACE_FOR_PLUS = re.compile(r"(\d{2}:\d{2}(?:\.\d+)?) (\d{2}:?\d{2})$")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
URL_SAFE = "!#$%&'()*+,/:;=?@[]~"
READ, WRITE = "read", "write"
"""Scopes of a restricted key. A key without scopes may do everything."""

SCHEDULE = Schedule((5.0, 30.0, 120.0), worth_retrying)
"""Callbacks are tried again three times, after server errors and "not now", and when there was no answer."""


class Rejected(Refused):
    """A refusal that has a number of its own at Twilio. `pointer` is a JSON Pointer into the request."""

    def __init__(self, status: int, code: int, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.pointer = pointer


def sid(prefix: str, value: UUID) -> str:
    """`RE` and 32 lower-case hexadecimal digits."""
    return f"{prefix}{value.hex}"


def from_sid(prefix: str, text: str) -> UUID | None:
    """`from_sid(p, sid(p, x)) == x`; None when it is no SID of that kind. Either case of letters is read."""
    found = re.fullmatch(f"{prefix}([0-9a-fA-F]{{32}})", text)
    return None if found is None else UUID(found[1])


def typeid(prefix: str, value: UUID) -> str:
    """The prefix and 26 characters of Crockford's base 32: 128 bits in 130, the highest first."""
    return prefix + "_" + "".join(ALPHABET[value.int >> shift & 31] for shift in range(125, -5, -5))


def from_typeid(prefix: str, text: str) -> UUID | None:
    """`from_typeid(p, typeid(p, x)) == x`; None when it is no id of that kind or stands for no 128 bits."""
    suffix = text.removeprefix(f"{prefix}_")
    if suffix == text or len(suffix) != 26 or suffix[0] > "7" or any(each not in ALPHABET for each in suffix):
        return None
    value = 0
    for character in suffix:
        value = value << 5 | ALPHABET.index(character)
    return UUID(int=value)


def instant(at: datetime) -> str:
    """ISO 8601 in whole seconds with `Z`, the one form that Twilio's client libraries turn into a time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_ms(at: datetime) -> str:
    """The same with milliseconds, where words need them."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_rfc2822(at: datetime) -> str:
    """`Fri, 14 Oct 2016 21:56:34 +0000`, as the API of 2010 writes times."""
    return format_datetime(at.astimezone(UTC))


def read_instant(text: str, field: str, *, date_only: bool = False) -> datetime:
    """ISO 8601 with or without offset (then UTC); a plus that a query turned into a space is understood.

    Raises:
        BadInput: no such time; a date without time counts only when `date_only`.
    """
    try:
        if DATE.fullmatch(text) and not date_only:
            raise ValueError(text)
        found = datetime.fromisoformat(SPACE_FOR_PLUS.sub(r"\1+\2", text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{field} must be an ISO 8601 date-time such as 2026-05-01T10:00:00Z.", field) from None


def enter(app: App, request: Request) -> access.Caller:
    """Who is asking.

    Raises:
        NotAuthenticated: no valid pair of account SID and auth token, or of key SID and secret.
        NotAllowed: the key is restricted and lacks the scope for this method.
        BadInput: the address has characters in it that cannot be stored.
    """
    pair = credentials.basic(request.headers.get("authorization"))
    if pair is None or not SID_OF_CALLER.fullmatch(pair[0]):
        raise NotAuthenticated("Authenticate")
    caller = access.by_pair(app, pair[0][:2] + pair[0][2:].lower(), pair[1])
    needed = READ if request.method in {"GET", "HEAD"} else WRITE
    if caller.credential.scopes and needed not in caller.credential.scopes:
        raise NotAllowed(f"This API key lacks the scope {needed!r}.")
    if not is_text(request.url.path) or not all(
        map(is_text, (t for pair in request.query_params.multi_items() for t in pair))
    ):
        raise BadInput("The address has characters in it that are not allowed.")
    return caller


def account_sid(caller: access.Caller) -> str:
    return access.twilio_account_sid(caller.account.id)


VERDICTS: Mapping[type[Exception], tuple[int, int]] = {
    BadInput: (400, 20001),
    Unavailable: (400, 20001),
    NotAuthenticated: (401, 20003),
    NotAllowed: (403, 20403),
    NotFound: (404, 20404),
    Conflict: (409, 20409),
    TooMany: (429, 20429),
    Refused: (400, 20001),
    Failed: (500, 20500),
}
"""HTTP status and Twilio's number for every branch of the error tree; the first that fits, from specific to general."""

OF_FRAMEWORK = {404: (404, 20404), 405: (405, 20004)}


def verdict(error: Exception) -> tuple[int, int]:
    """HTTP status and Twilio's number for whatever went wrong in a request."""
    if isinstance(error, Rejected):
        return error.status, error.code
    if isinstance(error, HTTPException):
        return OF_FRAMEWORK.get(error.status_code, (400, 20001))
    return next((found for type_, found in VERDICTS.items() if isinstance(error, type_)), (500, 20500))


def sentence(error: Exception, path: str) -> str:
    """What the customer reads."""
    status, _ = verdict(error)
    if status == 404:
        return f"The requested resource {path} was not found"
    if isinstance(error, HTTPException):
        return answers.sentence(error)
    return error.message if isinstance(error, Refused | Failed) else "An internal error occurred."


def headers_of(error: Exception) -> dict[str, str]:
    """Headers that an error asks for."""
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": 'Basic realm="Twilio API"'}
    if isinstance(error, TooMany):
        return {"Retry-After": str(max(1, round(error.wait_s)))}
    return {}


def legacy(error: Exception, path: str) -> dict[str, Any]:
    """The older error body. It must not have all of type, title, status and code: SDKs would read it as the newer."""
    status, code = verdict(error)
    return {
        "code": code,
        "message": sentence(error, path),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def answer_legacy(request: Request, error: Exception) -> Response:
    return JSONResponse(legacy(error, request.url.path), verdict(error)[0], headers_of(error))


def application(title: str, version: str) -> FastAPI:
    """An application that answers exact paths only and documents itself elsewhere."""
    return FastAPI(
        title=title, version=version, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )


def sent_url(url: str) -> str:
    """The address as it goes over the wire: without fragment, escaped where it must be. This is what is signed."""
    parts = urlsplit(url)
    path, query = quote(parts.path, safe=URL_SAFE), quote(parts.query, safe=URL_SAFE)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def signature(token: str, url: str, form: Mapping[str, list[str]] | None = None) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL, and over the form's names and values when there is one."""
    fields = "".join(name + value for name in sorted(form or {}) for value in sorted(set((form or {})[name])))
    digest = hmac.new(token.encode(), (url + fields).encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed_json(url: str, body: bytes, token: str | None) -> tuple[str, dict[str, str]]:
    """Where a JSON callback goes and with which headers: the hash of the body rides in the query, and is signed."""
    plain = sent_url(url)
    joint = "&" if urlsplit(plain).query else "?"
    address = f"{plain}{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["X-Twilio-Signature"] = signature(token, address)
    return address, headers
