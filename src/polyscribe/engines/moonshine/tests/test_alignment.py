"""Word times follow where the decoder looked, and stay in order whatever it looked at."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyscribe.engines.moonshine.alignment import corrected, loudness, silences, spread, token_starts


def looking_at(*frames: int, width: int = 100) -> np.ndarray:
    """Attention (tokens, 2 heads, frames): each token looks at ten frames from the given one on."""
    attention = np.full((len(frames), 2, width), 1e-4, np.float32)
    for token, frame in enumerate(frames):
        attention[token, :, frame : frame + 10] = 0.1
    return attention


def test_a_token_begins_where_it_looked() -> None:
    starts = token_starts(looking_at(10, 30, 55))

    assert np.abs(starts[1:] - np.array([30, 55]) * 24).max() <= 60


@given(
    arrays(np.float32, st.tuples(st.integers(1, 8), st.just(3), st.integers(1, 40)), elements=st.floats(0, 1, width=32))
)
def test_starts_never_go_back(attention: np.ndarray) -> None:
    starts = token_starts(attention)

    assert len(starts) == len(attention)
    assert (np.diff(starts) >= 0).all()


def test_a_start_moves_behind_the_silence_it_lies_in() -> None:
    assert corrected([0, 500], 1_000, [(450, 700)]) == [(0, 450), (700, 1_000)]


def test_the_end_of_a_clip_in_silence_is_not_part_of_the_last_word() -> None:
    assert corrected([100], 1_000, [(600, 1_000)]) == [(100, 600)]


def test_a_silence_late_in_a_word_is_left_in_it() -> None:
    assert corrected([0, 1_000], 1_500, [(500, 600)]) == [(0, 1_000), (1_000, 1_500)]


@given(
    st.lists(st.floats(0, 5_000), min_size=1, max_size=10).map(sorted),
    st.lists(st.integers(0, 500), max_size=8, unique=True).map(sorted),
)
def test_words_stay_in_order_and_inside(starts: list[float], borders: list[int]) -> None:
    quiet = [(10 * a, 10 * b) for a, b in zip(borders[::2], borders[1::2], strict=False)]

    times = corrected(starts, 4_000, quiet)

    begins = [begin for begin, _ in times]
    assert begins == sorted(begins)
    assert all(0 <= begin <= end <= 4_000 for begin, end in times)


def test_silences_are_told_from_speech() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 16_000).astype(np.float32)
    shape = np.full(16_000, 0.1, np.float32)
    shape[4_800:8_000] = 0.0005

    assert silences(loudness(noise * shape)) == [(300, 500)]


def test_steady_sound_has_no_silences() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)

    assert silences(loudness(noise)) == []


def test_without_attention_words_are_spread_by_their_letters() -> None:
    assert spread([1, 3, 4], 800) == [0, 100, 400]
