import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.delivery.schedule import Again, Delivered, GaveUp, Schedule, judge, worth_retrying

SCHEDULE = Schedule((5.0, 30.0, 120.0), worth_retrying)


@given(st.integers(200, 299), st.integers(1, 10))
def test_any_success_is_delivered(status: int, attempts: int) -> None:
    assert judge(SCHEDULE, attempts, status, None) == Delivered()


@pytest.mark.parametrize("status", [500, 502, 503, 599, 408, 425, 429])
def test_what_means_not_now_is_tried_again_on_the_schedule(status: int) -> None:
    waits = [judge(SCHEDULE, attempts, status, None) for attempts in (1, 2, 3)]

    assert waits == [Again(5.0, f"HTTP {status}"), Again(30.0, f"HTTP {status}"), Again(120.0, f"HTTP {status}")]


def test_after_the_last_wait_comes_one_attempt_more_and_then_no_other() -> None:
    assert judge(SCHEDULE, 4, 503, None) == GaveUp("HTTP 503")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_a_receiver_that_refuses_is_not_asked_again(status: int) -> None:
    assert judge(SCHEDULE, 1, status, None) == GaveUp(f"HTTP {status}")


def test_no_answer_is_tried_again_with_its_reason() -> None:
    assert judge(SCHEDULE, 1, None, "timed_out") == Again(5.0, "timed_out")
