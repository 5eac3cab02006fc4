from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.domain.transcript import Fate, Segment, Stretch, Transcript, Word, disordered, unaccounted


def whole(cuts: list[int], channel: int = 0) -> list[Stretch]:
    return [Stretch(channel, start, end, Fate.NO_SPEECH) for start, end in pairwise(cuts)]


CUTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=20, unique=True).map(lambda cuts: [0, *sorted(cuts)])


@given(CUTS)
def test_stretches_that_meet_from_zero_to_the_end_account_for_everything(cuts: list[int]) -> None:
    assert unaccounted(whole(cuts), 1, cuts[-1]) == []


@given(CUTS, st.data())
def test_a_missing_stretch_is_found(cuts: list[int], data: st.DataObject) -> None:
    stretches = whole(cuts)
    stretches.pop(data.draw(st.integers(0, len(stretches) - 1)))

    assert unaccounted(stretches, 1, cuts[-1])


@given(CUTS, st.data())
def test_a_doubled_stretch_is_found(cuts: list[int], data: st.DataObject) -> None:
    stretches = whole(cuts)
    stretches.append(stretches[data.draw(st.integers(0, len(stretches) - 1))])

    assert unaccounted(stretches, 1, cuts[-1])


def test_every_channel_is_to_be_accounted_for() -> None:
    assert unaccounted(whole([0, 100]), 2, 100)
    assert not unaccounted(whole([0, 100]) + whole([0, 100], channel=1), 2, 100)
    assert unaccounted(whole([0, 100], channel=2), 1, 100)


@pytest.mark.parametrize(
    "segment",
    [
        Segment(0, 500, 1200, "beyond the end"),
        Segment(0, 600, 500, "backwards"),
        Segment(0, 0, 500, "a b", (Word("a", 0, 200), Word("b", 100, 600))),
        Segment(0, 0, 500, "b a", (Word("b", 300, 400), Word("a", 100, 200))),
    ],
)
def test_what_lies_outside_or_runs_backwards_is_found(segment: Segment) -> None:
    assert disordered([segment], 1000)


def test_segments_that_do_not_begin_in_order_are_found() -> None:
    assert disordered([Segment(0, 500, 600, "b"), Segment(1, 100, 200, "a")], 1000)


def test_overlapping_segments_of_two_channels_are_in_order() -> None:
    assert disordered([Segment(0, 100, 900, "a"), Segment(1, 100, 200, "b"), Segment(1, 800, 1000, "c")], 1000) == []


def test_the_text_joins_what_was_said() -> None:
    said = (Segment(0, 0, 1, "Hello."), Segment(1, 1, 2, ""), Segment(0, 2, 3, "Bye."))

    assert Transcript(3, 2, "en", "fake", said, ()).text == "Hello. Bye."
