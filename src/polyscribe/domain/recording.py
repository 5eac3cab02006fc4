"""Recordings in the own store, and the calls that they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Direction(StrEnum):
    """Which way a call went, seen from the platform."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Call:
    """The call that a recording came from, as far as it is known."""

    id: UUID
    account_id: UUID
    direction: Direction
    from_address: str | None
    to_address: str | None
    started_at: datetime
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Audio that an account keeps with us. `wire` belongs to the API it came by.

    `blob_key` finds its bytes; it is None while they still lie at `remote_url`, on the account's own upstream.
    """

    id: UUID
    account_id: UUID
    blob_key: str | None
    media_type: str
    size_bytes: int
    sha256: str
    duration_ms: int
    channels: int
    started_at: datetime
    created_at: datetime
    call_id: UUID | None = None
    remote_url: str | None = None
    deleted_at: datetime | None = None
    wire: Mapping[str, Any] = field(default_factory=dict)
