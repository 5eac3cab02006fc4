"""Opaque page tokens: a position in a list, signed together with the filters that it belongs to."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from polyscribe.domain.errors import BadInput
from polyscribe.services.sealing import Sealer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SIGNATURE_CHARS = 24
FORWARDS, BACKWARDS = ">", "<"

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


T = TypeVar("T", bound=Placed)


@dataclass(frozen=True, slots=True)
class Part:
    """What of a list is asked for: `size` items behind the one at `at`; `backwards`: those just in front of it."""

    size: int
    at: Place | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What of a list is answered, and the tokens of its neighbours."""

    items: Sequence[T]
    next_token: str | None
    previous_token: str | None

    def meta(self, key: str) -> dict[str, object]:
        """As the newer Twilio APIs write it."""
        return {
            "key": key,
            "pageSize": len(self.items),
            "nextToken": self.next_token,
            "previousToken": self.previous_token,
        }


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one list. `filters` should name the list and its owner."""

    sealer: Sealer
    filters: Mapping[str, str | None]
    most: int
    default: int

    def asked(self, query: Mapping[str, str]) -> Part:
        """What `pageSize` and `pageToken` ask for.

        Raises:
            BadInput: no such size; a token that does not belong to these filters.
        """
        wanted = size(first(query, "pageSize"), self.default, self.most)
        given = first(query, "pageToken")
        if given is None:
            return Part(wanted)
        *place, direction = position(self.sealer, self.filters, given)
        return Part(wanted, to_place(tuple(place)), backwards=direction == BACKWARDS)

    def page(self, found: Sequence[T], part: Part) -> Page[T]:
        """`found` is what was asked for and, where there is one, one more beyond it."""
        has_more = len(found) > part.size
        if part.backwards:
            items = found[-part.size :]
            has_next, has_previous = True, has_more
        else:
            items = found[: part.size]
            has_next, has_previous = has_more, part.at is not None
        return Page(
            items,
            self._token(items[-1], FORWARDS) if items and has_next else None,
            self._token(items[0], BACKWARDS) if items and has_previous else None,
        )

    def _token(self, item: Placed, direction: str) -> str:
        return token(self.sealer, self.filters, (*of_place((item.created_at, item.id)), direction))


def _signature(sealer: Sealer, filters: Mapping[str, str | None], content: str) -> str:
    scope = json.dumps([sorted(filters.items()), content])
    return sealer.signature("page token", scope.encode())[:SIGNATURE_CHARS]


def _refused() -> BadInput:
    return BadInput("The page token is not valid for this list and these filters.", "pageToken")
