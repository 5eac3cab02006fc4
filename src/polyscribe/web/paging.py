"""Opaque page tokens: a position in a list, signed together with the filters that it belongs to."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from polyscribe.domain.errors import BadInput
from polyscribe.services.sealing import Sealer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SIGNATURE_CHARS = 24

Position = tuple[int | str, ...]
Place = tuple[datetime, UUID]


def token(sealer: Sealer, filters: Mapping[str, str | None], position: Position) -> str:
    """Text without any character that a URL would have to escape. `filters` should name the list and its owner."""
    content = json.dumps(position, separators=(",", ":"))
    signature = _signature(sealer, filters, content)
    return base64.urlsafe_b64encode(f"{signature}{content}".encode()).decode().rstrip("=")


def position(sealer: Sealer, filters: Mapping[str, str | None], given: str) -> Position:
    """What `token` was made of.

    Raises:
        BadInput: not one of our tokens, or made for other filters.
    """
    try:
        text = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _refused() from None
    signature, content = text[:SIGNATURE_CHARS], text[SIGNATURE_CHARS:]
    if not hmac.compare_digest(signature.encode(), _signature(sealer, filters, content).encode()):
        raise _refused()
    return tuple(json.loads(content))


def of_place(place: Place) -> Position:
    """A position of a list that is ordered by (created_at, id)."""
    return (place[0] - EPOCH) // MICROSECOND, place[1].hex


def to_place(found: Position) -> Place:
    """`to_place(of_place(x)) == x`"""
    return EPOCH + int(found[0]) * MICROSECOND, UUID(str(found[1]))


def size(given: str | None, default: int, most: int) -> int:
    """The page size asked for, clamped to `most`.

    Raises:
        BadInput: not a whole number, or below 1.
    """
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 18 or int(given) < 1:
        raise BadInput(f"The page size must be a whole number from 1 to {most}.", "pageSize")
    return min(int(given), most)


def first(query: Mapping[str, str], name: str) -> str | None:
    """A paging parameter as the documents spell it, or with a capital, as the client library sometimes does."""
    return query.get(name) or query.get(name[0].upper() + name[1:]) or None


class Placed(Protocol):
    """What stands in a list that is ordered by (created_at, id)."""

    @property
    def created_at(self) -> datetime: ...

    @property
    def id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one list, with `pageSize`, `pageToken` and a `meta` object."""

    sealer: Sealer
    filters: Mapping[str, str | None]
    most: int
    default: int

    def asked(self, query: Mapping[str, str]) -> tuple[int, Place | None]:
        """How many, and behind which one.

        Raises:
            BadInput: no such size; a token that does not belong to these filters.
        """
        wanted = size(first(query, "pageSize"), self.default, self.most)
        given = first(query, "pageToken")
        return wanted, None if given is None else to_place(position(self.sealer, self.filters, given))

    def next_token(self, found: Sequence[Placed], wanted: int) -> str | None:
        """`found` is one more than `wanted` when there is another page."""
        if len(found) <= wanted:
            return None
        last = found[wanted - 1]
        return token(self.sealer, self.filters, of_place((last.created_at, last.id)))

    def meta(self, key: str, found: Sequence[Placed], wanted: int) -> dict[str, object]:
        """Without a way back: no token for the previous page is given."""
        return {
            "key": key,
            "pageSize": len(found[:wanted]),
            "nextToken": self.next_token(found, wanted),
            "previousToken": None,
        }


def _signature(sealer: Sealer, filters: Mapping[str, str | None], content: str) -> str:
    scope = json.dumps([sorted(filters.items()), content])
    return sealer.signature("page token", scope.encode())[:SIGNATURE_CHARS]


def _refused() -> BadInput:
    return BadInput("The page token is not valid for this list and these filters.", "pageToken")
