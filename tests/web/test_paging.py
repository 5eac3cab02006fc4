from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.domain.errors import BadInput
from polyscribe.services.sealing import Sealer
from polyscribe.web import paging

SEALER = Sealer("key")
FILTERS = {"list": "things", "status": None}
instants = st.datetimes(timezones=st.just(UTC))


@given(instants, st.uuids())
def test_a_place_is_read_and_written_alike(at: datetime, own: UUID) -> None:
    token = paging.token(SEALER, FILTERS, paging.of_place((at, own)))

    assert paging.to_place(paging.position(SEALER, FILTERS, token)) == (at, own)


def test_a_token_needs_no_escaping_in_a_url() -> None:
    token = paging.token(SEALER, FILTERS, (1, "x"))

    assert token.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("filters", [{"list": "others", "status": None}, {"list": "things", "status": "x"}, {}])
def test_a_token_belongs_to_its_filters(filters: dict[str, str | None]) -> None:
    token = paging.token(SEALER, FILTERS, (1, "x"))

    with pytest.raises(BadInput):
        paging.position(SEALER, filters, token)


def test_a_token_of_another_server_is_refused() -> None:
    with pytest.raises(BadInput):
        paging.position(SEALER, FILTERS, paging.token(Sealer("another"), FILTERS, (1, "x")))


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        paging.position(SEALER, FILTERS, text)


@dataclass(frozen=True)
class Thing:
    created_at: datetime
    id: UUID


THINGS = [Thing(datetime(2026, 5, 1, tzinfo=UTC), UUID(int=number)) for number in range(9, 0, -1)]


def answered(pages: paging.Pages, part: paging.Part) -> paging.Page[Thing]:
    """As a store of THINGS would."""
    index = [(each.created_at, each.id) for each in THINGS].index(part.at) if part.at else -1
    if part.backwards:
        return pages.page(THINGS[max(index - part.size - 1, 0) : index], part)
    return pages.page(THINGS[index + 1 : index + part.size + 2], part)


@given(st.integers(1, 10), st.lists(st.booleans(), max_size=12))
def test_walking_to_and_fro_is_walking_over_the_list(size: int, steps: list[bool]) -> None:
    pages = paging.Pages(SEALER, FILTERS, 100, 50)
    page = answered(pages, pages.asked({"pageSize": str(size)}))
    at = 0

    for is_forwards in steps:
        token = page.next_token if is_forwards else page.previous_token
        if token is None:
            assert at + size >= len(THINGS) if is_forwards else at == 0
            continue
        at += size if is_forwards else -size
        page = answered(pages, pages.asked({"pageSize": str(size), "pageToken": token}))
        assert list(page.items) == THINGS[at : at + size]


def test_in_front_of_the_first_there_is_nothing() -> None:
    page = paging.Pages(SEALER, FILTERS, 100, 50).page([], paging.Part(5, (datetime.now(UTC), UUID(int=1)), True))

    assert page == paging.Page([], None, None)


@pytest.mark.parametrize(("given", "expected"), [(None, 50), ("1", 1), ("100", 100), ("101", 100), ("9" * 18, 100)])
def test_sizes_are_clamped(given: str | None, expected: int) -> None:
    assert paging.size(given, 50, 100) == expected


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "", "x", "٣", "9" * 19])
def test_what_is_no_size_is_refused(given: str) -> None:
    with pytest.raises(BadInput):
        paging.size(given, 50, 100)
