"""Votes of windows become turns: in order, within the sound, overlapping where voices overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyscribe.diarization import activity
from polyscribe.diarization.activity import FRAME_MS, FRAMES, Window


def window(start_ms: int, *stretches: tuple[int, int, int], speakers: tuple[int | None, ...] = (0, 1, 2)) -> Window:
    """A window in which voices are heard in (voice, from ms, to ms) of its own time."""
    heard = np.zeros((FRAMES, 3), np.float16)
    for voice, first_ms, stop_ms in stretches:
        heard[round(first_ms / FRAME_MS) : round(stop_ms / FRAME_MS), voice] = 1
    return Window(start_ms, heard, speakers)


def test_no_windows_have_no_turns() -> None:
    assert activity.turns([], 5_000) == []


def test_voices_that_are_nobodys_have_no_turns() -> None:
    assert activity.turns([window(0, (0, 1_000, 2_000), speakers=(None, None, None))], 10_000) == []


def test_a_voice_heard_in_one_stretch_is_one_turn() -> None:
    turns = activity.turns([window(0, (0, 1_000, 4_000))], 10_000)

    assert len(turns) == 1
    assert (turns[0].start_ms, turns[0].end_ms) == pytest.approx((1_000, 4_000), abs=FRAME_MS)


def test_two_voices_at_once_are_two_overlapping_turns() -> None:
    turns = activity.turns([window(0, (0, 1_000, 5_000), (1, 4_000, 8_000))], 10_000)

    assert [turn.speaker for turn in turns] == [0, 1]
    assert turns[1].start_ms < turns[0].end_ms


def test_short_pauses_belong_to_the_turn_and_long_ones_part_it() -> None:
    short = activity.turns([window(0, (0, 1_000, 3_000), (0, 3_300, 5_000))], 10_000)
    long = activity.turns([window(0, (0, 1_000, 3_000), (0, 4_000, 5_000))], 10_000)

    assert (len(short), len(long)) == (1, 2)


def test_two_voices_of_one_speaker_are_one_turn() -> None:
    turns = activity.turns([window(0, (0, 1_000, 3_000), (1, 2_500, 5_000), speakers=(4, 4, None))], 10_000)

    assert [(turn.speaker, turn.end_ms > 4_900) for turn in turns] == [(0, True)]


def test_windows_outvote_one_that_sees_it_otherwise() -> None:
    windows = [
        window(0, (0, 4_000, 8_000)),
        window(1_000, (1, 3_000, 7_000)),
        window(2_000, (0, 2_000, 6_000)),
    ]

    turns = activity.turns(windows, 12_000)

    assert [turn.speaker for turn in turns] == [0]
    assert (turns[0].start_ms, turns[0].end_ms) == pytest.approx((4_000, 8_000), abs=2 * FRAME_MS)


def test_a_speaker_who_never_wins_a_vote_is_heard_when_everyone_shall_be() -> None:
    windows = [window(number * 1_000, (0, 2_000, 9_000), (1, 500, 900)) for number in range(3)]
    windows[1] = window(1_000, (0, 2_000, 4_000), (2, 5_000, 6_000), (0, 6_000, 9_000))

    by_vote = activity.turns(windows, 12_000)
    everyone = activity.turns(windows, 12_000, everyone=True)

    assert len({turn.speaker for turn in everyone}) == 3 > len({turn.speaker for turn in by_vote})


def test_a_turn_goes_on_where_frames_are_counted_in_pieces() -> None:
    border_ms = int(16_384 * FRAME_MS)
    windows = [
        window(border_ms - 5_000, (0, 1_000, 8_000)),
        window(border_ms - 4_000, (1, 0, 7_000), speakers=(1, 0, 2)),
    ]

    turns = activity.turns(windows, border_ms + 20_000)

    assert [turn.speaker for turn in turns] == [0]
    assert (turns[0].start_ms, turns[0].end_ms) == pytest.approx(
        (border_ms - 4_000, border_ms + 3_000), abs=2 * FRAME_MS
    )


def test_speakers_are_numbered_by_their_first_turn() -> None:
    turns = activity.turns([window(0, (0, 5_000, 7_000), (1, 1_000, 3_000), speakers=(0, 3, None))], 10_000)

    assert [turn.speaker for turn in turns] == [0, 1]


def test_a_turn_ends_with_the_sound_even_if_the_window_goes_on() -> None:
    turns = activity.turns([window(0, (0, 1_000, 10_000))], 2_345)

    assert [turn.end_ms for turn in turns] == [2_345]


def test_decisions_follow_the_likeliest_class_and_likelihoods_add_up_its_sets() -> None:
    classes = np.log(np.array([[0.1, 0.2, 0.1, 0.0, 0.6, 0.0, 0.0]], np.float32) + 1e-9)

    assert activity.decisions(classes).tolist() == [[1, 1, 0]]
    assert activity.likelihoods(classes)[0] == pytest.approx([0.8, 0.7, 0.0], abs=1e-5)


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 6),
    duration_ms=st.integers(1, 16_000),
    speakers=st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_turns_are_always_in_order_and_within_the_sound(
    seed: int, count: int, duration_ms: int, speakers: list[int | None]
) -> None:
    random = np.random.default_rng(seed)
    windows = [
        Window(number * 1_000, random.random((FRAMES, 3)).astype(np.float16), tuple(speakers))
        for number in range(count)
    ]

    turns = activity.turns(windows, duration_ms)

    assert all(0 <= turn.start_ms < turn.end_ms <= duration_ms for turn in turns)
    assert turns == sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
    assert {turn.speaker for turn in turns} == set(range(len({turn.speaker for turn in turns})))
