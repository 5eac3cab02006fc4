"""How long a step waits for its next try. What steps do in jobs is in test_worker."""

from __future__ import annotations

import pytest

from polyscribe.domain.errors import (
    FetchFailed,
    FetchFault,
    NotFound,
    PolyscribeError,
    SourceFailed,
    SourceFault,
    StoreFailed,
)
from polyscribe.jobs.steps import STORE_TRIES, TRIES, Shift, wait_before_retry_s


def waits(error: PolyscribeError) -> list[float]:
    found: list[float] = []
    while (wait_s := wait_before_retry_s(error, len(found) + 1, 1.0)) is not None:
        found.append(wait_s)
    return found


def test_waits_double_until_the_tries_are_used_up() -> None:
    assert waits(FetchFailed(FetchFault.TIMED_OUT, "Too slow.")) == [1, 2, 4, 8]
    assert TRIES == 5


def test_a_store_is_waited_for_much_longer() -> None:
    found = waits(StoreFailed("Away."))

    assert len(found) == STORE_TRIES - 1
    assert max(found) == 30
    assert sum(found) > 25 * 60


@pytest.mark.parametrize(
    "error",
    [SourceFailed(SourceFault.EMPTY, "Empty."), FetchFailed(FetchFault.NOT_FOUND, "Gone.", 404), NotFound("Gone.")],
    ids=repr,
)
def test_what_trying_cannot_help_is_not_tried_again(error: PolyscribeError) -> None:
    assert waits(error) == []


def test_a_job_is_busy_until_all_its_threads_are_done() -> None:
    shift = Shift()

    with shift.at_work("a"), shift.at_work("b"):
        with shift.at_work("a"):
            pass
        assert shift.busy() == {"a", "b"}

    assert shift.busy() == set()
