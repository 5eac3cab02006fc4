"""What is told to customers' servers: a notice, its delivery, and the states of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one address, its body fixed once and for all; it is signed when it is sent."""

    event: str
    method: str
    url: str
    media_type: str
    body: bytes


class DeliveryState(StrEnum):
    """Where a delivery stands; the last two are final."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way. `subject_id` is what it is about; `attempts` counts requests that were made."""

    id: UUID
    account_id: UUID
    api: str
    subject_id: UUID
    event: str
    method: str
    url: str
    media_type: str
    body: bytes
    state: DeliveryState
    attempts: int
    created_at: datetime
    updated_at: datetime
    last_status: int | None = None
    last_fault: str | None = None
