"""Named sets of wishes that an account keeps with us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Configuration:
    """`unique_name` is unique within account and API; `wire` is what the API's client wrote, and its own."""

    id: UUID
    account_id: UUID
    api: str
    unique_name: str | None
    wire: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
