"""Clips stay inside the sound, in order and apart, and hold all the speech there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.audio.clips import Clip, Cutting, cut
from polyscribe.audio.speech import HOP_MS

stretches = st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1, width=32)), max_size=30)


def hops(*parts: tuple[int, float]) -> np.ndarray:
    """(milliseconds, probability) one after the other."""
    return np.concatenate([np.full(ms // HOP_MS, share, np.float32) for ms, share in parts])


def test_silence_gives_no_clips() -> None:
    assert cut(hops((5_000, 0.1)), 5_000) == []


def test_no_sound_gives_no_clips() -> None:
    assert cut(np.zeros(0, np.float32), 0) == []


def test_a_clip_has_a_quarter_of_a_second_around_it() -> None:
    clips = cut(hops((1_600, 0.0), (3_200, 0.9), (1_600, 0.0)), 6_400)

    assert clips == [Clip(1_350, 5_050)]


def test_a_click_is_not_speech() -> None:
    assert cut(hops((1_600, 0.0), (64, 0.9), (1_600, 0.0)), 3_264) == []


def test_a_dip_that_is_too_short_does_not_end_speech() -> None:
    probabilities = hops((960, 0.9), (320, 0.0), (960, 0.9), (6_400, 0.0))

    assert len(cut(probabilities, 8_640, Cutting(merge_pause_ms=-1_000))) == 1


def test_what_is_neither_sure_nor_silent_goes_with_the_speech_before() -> None:
    probabilities = hops((960, 0.9), (960, 0.4), (6_400, 0.0))

    assert cut(probabilities, 8_320) == [Clip(0, 2_170)]


def test_short_pauses_are_bridged_and_long_ones_are_not() -> None:
    probabilities = hops((1_600, 0.9), (960, 0.0), (1_600, 0.9), (4_800, 0.0), (1_600, 0.9))

    clips = cut(probabilities, 10_560)

    assert [clip.start_ms for clip in clips] == [0, 8_710]


def test_long_speech_is_cut_where_it_is_least_likely() -> None:
    probabilities = hops((9_600, 0.99), (96, 0.6), (9_600, 0.99))

    clips = cut(probabilities, 19_296)

    assert abs(clips[0].end_ms - 9_648) <= HOP_MS
    assert clips[0].end_ms == clips[1].start_ms


@given(stretches)
def test_clips_are_in_order_apart_and_inside(parts: list[tuple[int, float]]) -> None:
    probabilities = np.concatenate([np.zeros(0, np.float32), *[np.full(n, p, np.float32) for n, p in parts]])
    length_ms = len(probabilities) * HOP_MS

    clips = cut(probabilities, length_ms)

    borders = [0, *(border for clip in clips for border in (clip.start_ms, clip.end_ms)), length_ms]
    assert borders == sorted(borders)
    assert all(0 < clip.end_ms - clip.start_ms <= Cutting().longest_ms + 2 * Cutting().pad_ms for clip in clips)


@given(stretches)
def test_everything_that_is_surely_speech_is_in_a_clip(parts: list[tuple[int, float]]) -> None:
    probabilities = np.concatenate([np.zeros(0, np.float32), *[np.full(n, p, np.float32) for n, p in parts]])
    how = Cutting(least_ms=0)

    clips = cut(probabilities, len(probabilities) * HOP_MS, how)

    inside = np.zeros(len(probabilities), np.bool_)
    for clip in clips:
        inside[clip.start_ms // HOP_MS : -(-clip.end_ms // HOP_MS)] = True
    assert inside[probabilities >= how.on].all()
