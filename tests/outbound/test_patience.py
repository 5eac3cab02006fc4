from dataclasses import dataclass

import pytest

from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound.patience import Limits, Over, Patience

LIMITS = Limits(head_s=10.0, total_s=1000.0, slow_window_s=60.0, slow_bytes_per_s=100, poll_s=1.0)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_wait_is_never_longer_than_wished_nor_past_the_end() -> None:
    clock = Clock()
    patience = Patience(Limits(total_s=50.0), clock=clock)

    assert patience.left_s(30.0) == 30.0
    clock.now = 40.0
    assert patience.left_s(30.0) == 10.0
    assert patience.slice_s(30.0) == 1.0


def test_it_runs_out_as_a_whole() -> None:
    clock = Clock()
    patience = Patience(LIMITS, clock=clock)

    clock.now = 1000.0

    with pytest.raises(Over) as caught:
        patience.check()
    assert (caught.value.fault, caught.value.retryable) == (FetchFault.TIMED_OUT, True)


def test_headers_that_come_too_late_can_be_asked_for_again() -> None:
    clock = Clock()
    patience = Patience(LIMITS, clock=clock)

    with patience.for_head():
        clock.now = 10.0
        with pytest.raises(FetchFailed) as caught:
            patience.check()

    assert not isinstance(caught.value, Over)
    patience.check()


def test_headers_that_came_are_no_longer_waited_for() -> None:
    clock = Clock()
    patience = Patience(LIMITS, clock=clock)

    with patience.for_head() as got_head:
        assert patience.left_s(30.0) == 10.0
        got_head()
        clock.now = 11.0
        assert patience.left_s(30.0) == 30.0


def test_each_window_must_bring_its_bytes() -> None:
    clock = Clock()
    patience = Patience(LIMITS, clock=clock)

    patience.got_bytes(6000)
    clock.now = 60.0
    patience.check()
    patience.got_bytes(5999)
    clock.now = 120.0

    with pytest.raises(Over) as caught:
        patience.check()
    assert caught.value.fault is FetchFault.TIMED_OUT


def test_the_time_to_answer_does_not_count_as_slow() -> None:
    clock = Clock()
    patience = Patience(LIMITS, clock=clock)

    with patience.for_head() as got_head:
        clock.now = 9.0
        got_head()
    clock.now = 61.0
    patience.check()


def test_whether_it_is_wanted_is_asked_now_and_then() -> None:
    clock = Clock()
    asked: list[float] = []
    patience = Patience(LIMITS, lambda: asked.append(clock.now) is None and clock.now < 2.0, clock)

    for now in (0.0, 0.5, 1.0, 1.9):
        clock.now = now
        patience.check()
    clock.now = 2.0

    with pytest.raises(Over) as caught:
        patience.check()
    assert asked == [0.0, 1.0, 2.0]
    assert (caught.value.fault, caught.value.retryable) == (FetchFault.UNAVAILABLE, False)


def test_a_pause_ends_when_nobody_wants_it_any_more() -> None:
    answers = iter([True, False])
    patience = Patience(Limits(poll_s=0.01), lambda: next(answers))

    with pytest.raises(Over):
        patience.pause(60.0)
