"""Our recordings and calls as the API of 2010 writes them, and its conditions as ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from polyscribe.apis.twilio_recordings.wire import DEFAULT_SOURCE, VERSION, Json
from polyscribe.domain.recording import Call, Direction, Recording
from polyscribe.services.access import twilio_account_sid
from polyscribe.web import twilio

DIRECTION: Mapping[Direction, str] = {Direction.INBOUND: "inbound", Direction.OUTBOUND: "outbound-api"}
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


def problem(error: Exception, path: str) -> Json:
    """The older error body."""
    return twilio.legacy(error, path)


def recording(found: Recording, base: str) -> Json:
    """A recording; `duration` is a string, `media_url` has no extension."""
    account = twilio_account_sid(found.account_id)
    sid = twilio.sid("RE", found.id)
    uri = f"/{VERSION}/Accounts/{account}/Recordings/{sid}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "call_sid": None if found.call_id is None else twilio.sid("CA", found.call_id),
        "conference_sid": found.wire.get("conference_sid"),
        "channels": found.channels,
        "date_created": twilio.instant_rfc2822(found.created_at),
        "date_updated": twilio.instant_rfc2822(found.deleted_at or found.created_at),
        "start_time": twilio.instant_rfc2822(found.started_at),
        "duration": _seconds(found.duration_ms),
        "sid": sid,
        "price": found.wire.get("price"),
        "price_unit": found.wire.get("price_unit", "USD"),
        "status": found.wire.get("status", "completed") if found.deleted_at is None else "deleted",
        "source": found.wire.get("source", DEFAULT_SOURCE),
        "error_code": found.wire.get("error_code"),
        "uri": f"{uri}.json",
        "subresource_uris": {},
        "encryption_details": found.wire.get("encryption_details"),
        "media_url": f"{base}{uri}",
    }


def call(found: Call) -> Json:
    """Enough of a call."""
    account = twilio_account_sid(found.account_id)
    sid = twilio.sid("CA", found.id)
    ended_at = None if found.duration_ms is None else found.started_at + timedelta(milliseconds=found.duration_ms)
    return {
        "sid": sid,
        "account_sid": account,
        "from": found.from_address,
        "to": found.to_address,
        "direction": DIRECTION[found.direction],
        "status": "completed",
        "date_created": twilio.instant_rfc2822(found.started_at),
        "date_updated": twilio.instant_rfc2822(ended_at or found.started_at),
        "start_time": twilio.instant_rfc2822(found.started_at),
        "end_time": None if ended_at is None else twilio.instant_rfc2822(ended_at),
        "duration": None if found.duration_ms is None else _seconds(found.duration_ms),
        "parent_call_sid": None,
        "api_version": VERSION,
        "uri": f"/{VERSION}/Accounts/{account}/Calls/{sid}.json",
    }


def conditions(query: Mapping[str, str]) -> dict[str, Any] | None:
    """Conditions of a list, as the service takes them; None when nothing can fulfil them.

    A date stands for its whole day; `DateCreated<` and `DateCreated>` include the instant that they name.

    Raises:
        BadInput: no such date.
    """
    found: dict[str, Any] = {"deleted": query.get("IncludeSoftDeleted", "").lower() == "true"}
    if query.get("ConferenceSid"):
        return None
    if text := query.get("CallSid"):
        found["call_id"] = twilio.from_sid("CA", text)
        if found["call_id"] is None:
            return None
    bounds = [_bounds(query, name) for name in ("DateCreated", "DateCreated<", "DateCreated>")]
    starts = [start for start, _ in bounds if start is not None]
    ends = [end for _, end in bounds if end is not None]
    return found | ({"created_from": max(starts)} if starts else {}) | ({"created_until": min(ends)} if ends else {})


def _bounds(query: Mapping[str, str], name: str) -> tuple[datetime | None, datetime | None]:
    """From, up to but not including."""
    text = query.get(name)
    if not text:
        return None, None
    at = twilio.read_instant(text, name, date_only=True)
    if name.endswith("<"):
        return None, at + MOMENT
    if name.endswith(">"):
        return at, None
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day + DAY


def _seconds(ms: int) -> str:
    return str((ms + 500) // 1000)
