"""Who may do what: accounts and the credentials that speak for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant. Everything belongs to exactly one account and is invisible to the others."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """A key of one API. No secret is here: it is stored hashed, and sealed where it must sign.

    `lookup` is the public part that a request carries (an account SID, a key prefix); `scopes` empty means
    full power.
    """

    id: UUID
    account_id: UUID
    api: str
    kind: str
    lookup: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
