"""Loops are cut, real repetitions stay, and the level is brought to one."""

from __future__ import annotations

import numpy as np
import pytest

from polyscribe.engines.moonshine.guards import WAYS, before_loop, limit, prepared


@pytest.mark.parametrize(
    ("tokens", "complete", "kept"),
    [
        ([], True, 0),
        ([5, 6, 7], True, 3),
        ([5, 6, 7, 8] * 3, True, 12),  # three times may be meant
        ([9, 9, 5, 6, 7, 5, 6, 7, 5, 6, 7, 5, 6, 7], True, 5),
        ([4, 4, 4, 4, 4, 4], True, 6),  # "no, no, no" that came to its own end
        ([8, 4, 4, 4, 4, 4, 4], False, 2),
        ([8, 4, 3, 4, 3, 4, 3, 4, 3], False, 3),
        ([8, 4, 3, 4, 3, 4, 3, 4, 3, 7, 7, 8], False, 12),  # stopped, but not by a loop
    ],
)
def test_a_loop_is_cut_behind_its_first_turn(tokens: list[int], complete: bool, kept: int) -> None:
    assert before_loop(tokens, complete) == kept


def test_six_and_a_half_tokens_a_second_are_the_most() -> None:
    assert limit(np.zeros(160_000, np.float32)) == 65


@pytest.mark.parametrize("gain", [0.003, 0.1, 1.0])
def test_every_level_is_brought_to_one(gain: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 32_000).astype(np.float32)

    samples, _ = prepared(noise * np.float32(gain), WAYS[0])

    assert 20 * np.log10(np.sqrt(np.mean(samples[:32_000] ** 2))) == pytest.approx(WAYS[0].loud_db, abs=2)


def test_leading_silence_is_trimmed_and_counted() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32)
    sound = np.concatenate([np.zeros(16_000, np.float32), noise])

    samples, skipped = prepared(sound, WAYS[0])

    assert skipped == 16_000 - 250 * 16
    assert len(samples) == len(sound) - skipped + 4_800


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(16_000), np.full(1_500, 0.1)])
def test_nothing_is_left_where_nothing_can_be_heard(sound: np.ndarray) -> None:
    assert len(prepared(sound.astype(np.float32), WAYS[0])[0]) == 0
