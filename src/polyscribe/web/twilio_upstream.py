"""Recordings by their SID: in the own store, else on the account's upstream at Twilio, where its calls are known too.

Both Twilio APIs and the recordings themselves resolve SIDs in the same way. Source: contract Voice v3 §C.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from polyscribe.domain.errors import FetchFailed, FetchFault, NotFound
from polyscribe.domain.recording import Call, Direction, Recording
from polyscribe.services import recordings
from polyscribe.services.app import App, Remote
from polyscribe.web.twilio import from_sid, sid

REMOTE = "twilio"
MAX_METADATA_BYTES = 1 << 20
VERSION = "2010-04-01"


def find(app: App, account_id: UUID, recording_id: UUID) -> Recording:
    """The recording; one that is found upstream is written down, its media stays there until a job needs it.

    Raises:
        NotFound: neither here nor upstream. FetchFailed: the upstream did not answer.
    """
    try:
        return recordings.find(app, account_id, recording_id)
    except NotFound:
        if REMOTE not in app.remotes or _was_deleted(app, account_id, recording_id):
            raise
    remote = app.remotes[REMOTE]
    metadata = _get(app, remote, f"Recordings/{sid('RE', recording_id)}.json")
    call_id = from_sid("CA", str(metadata.get("call_sid")))
    call = None if call_id is None else _call(app, remote, account_id, call_id)
    found = _recording(app, remote, account_id, recording_id, metadata, None if call is None else call.id)
    # What cannot be transcribed now is asked for again next time: its state may change upstream.
    return found if obstacle(found) is not None else recordings.register_remote(app, found, call)


def call_of(app: App, recording: Recording) -> Call | None:
    """The call that a recording came from, as far as it is known."""
    if recording.call_id is None:
        return None
    try:
        return recordings.find_call(app, recording.account_id, recording.call_id)
    except NotFound:
        return None


def obstacle(recording: Recording) -> str | None:
    """Why a recording cannot be transcribed: not completed, encrypted, or in storage of the customer's own."""
    status = recording.wire.get("status", "completed")
    if status != "completed":
        return f"The recording is {status}, not completed."
    if recording.wire.get("encryption_details") is not None:
        return "The recording is encrypted: decrypt it and give its address as mediaUrl."
    if recording.blob_key is None and recording.remote_url is None:
        return "The recording's media is in external storage: give its address as mediaUrl."
    return None


def _was_deleted(app: App, account_id: UUID, recording_id: UUID) -> bool:
    try:
        recordings.find(app, account_id, recording_id, deleted=True)
    except NotFound:
        return False
    return True


def _call(app: App, remote: Remote, account_id: UUID, call_id: UUID) -> Call | None:
    """None when the upstream does not know the call any more: a recording outlives it."""
    try:
        metadata = _get(app, remote, f"Calls/{sid('CA', call_id)}.json")
    except NotFound:
        return None
    return Call(
        id=call_id,
        account_id=account_id,
        direction=Direction.INBOUND if metadata.get("direction") == "inbound" else Direction.OUTBOUND,
        from_address=_text(metadata.get("from")),
        to_address=_text(metadata.get("to")),
        started_at=_instant(metadata.get("start_time")) or app.now(),
        duration_ms=_milliseconds(metadata.get("duration")),
    )


def _recording(
    app: App, remote: Remote, account_id: UUID, recording_id: UUID, metadata: dict[str, Any], call_id: UUID | None
) -> Recording:
    channels = 2 if metadata.get("channels") == 2 else 1
    address = f"{_base(remote)}/Recordings/{sid('RE', recording_id)}.wav?RequestedChannels={channels}"
    is_external = _is_elsewhere(metadata.get("media_url"), remote)
    created_at = _instant(metadata.get("date_created")) or app.now()
    kept = ("status", "encryption_details", "source", "conference_sid", "price", "price_unit", "error_code")
    return Recording(
        id=recording_id,
        account_id=account_id,
        blob_key=None,
        media_type="audio/x-wav",
        size_bytes=0,
        sha256="",
        duration_ms=_milliseconds(metadata.get("duration")) or 0,
        channels=channels,
        started_at=_instant(metadata.get("start_time")) or created_at,
        created_at=created_at,
        call_id=call_id,
        remote_url=None if is_external else address,
        wire={name: metadata[name] for name in kept if metadata.get(name) is not None},
    )


def _is_elsewhere(media_url: Any, remote: Remote) -> bool:
    """Whether the media lies in storage of the customer's own, to which our credentials must not go."""
    if not media_url:
        return False
    host, own = urlsplit(str(media_url)).hostname or "", urlsplit(remote.base_url).hostname
    return host != own and not host.endswith(".twilio.com")


def _get(app: App, remote: Remote, path: str) -> dict[str, Any]:
    """Raises NotFound, FetchFailed."""
    app.spool.mkdir(parents=True, exist_ok=True)
    into = app.spool / f"metadata-{app.new_id()}"
    credentials = (remote.user, remote.password)
    try:
        app.outbound.fetch(f"{_base(remote)}/{path}", into, max_bytes=MAX_METADATA_BYTES, basic_auth=credentials)
        return _object(into)
    except FetchFailed as error:
        if error.fault is FetchFault.NOT_FOUND:
            raise NotFound("There is no such recording upstream.") from error
        raise
    finally:
        into.unlink(missing_ok=True)


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise FetchFailed(FetchFault.REFUSED, "The upstream did not answer with JSON.") from error
    if not isinstance(found, dict):
        raise FetchFailed(FetchFault.REFUSED, "The upstream did not answer with a JSON object.")
    return found


def _base(remote: Remote) -> str:
    return f"{remote.base_url.rstrip('/')}/{VERSION}/Accounts/{remote.user}"


def _instant(value: Any) -> datetime | None:
    """RFC 2822, as the API of 2010 writes times."""
    try:
        found = parsedate_to_datetime(str(value))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _milliseconds(value: Any) -> int | None:
    """Seconds, as a string of digits."""
    text = str(value)
    return int(text) * 1000 if text.isdigit() and len(text) < 10 else None


def _text(value: Any) -> str | None:
    return str(value)[:255] if value else None
