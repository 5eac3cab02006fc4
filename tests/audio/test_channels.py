"""What two channels are to each other is told from their sound, however it comes in."""

from __future__ import annotations

import numpy as np
import pytest

from polyscribe.audio.channels import Found, Layout, Measuring, masks
from voices import spoken

RATE = 16_000


@pytest.fixture(scope="module")
def voices() -> tuple[np.ndarray, np.ndarray]:
    """Two people who speak in turn, two seconds each."""
    first, second = spoken("beckett.wav", 0, 9), np.roll(spoken("beckett.wav", 0, 9), 40_000) * np.float32(0.7)
    turn = (np.arange(len(first)) // (2 * RATE)) % 2 == 0
    return first * turn, second * ~turn


def found(*channels: np.ndarray, block: int = 7_777) -> Found:
    frames = (np.stack(channels, axis=1) * 32_767).clip(-32_768, 32_767).astype(np.int16)
    measuring = Measuring(frames.shape[1])
    for start in range(0, len(frames), block):
        measuring.feed(frames[start : start + block])
    return measuring.found()


def test_one_channel_is_mono(voices: tuple[np.ndarray, np.ndarray]) -> None:
    assert found(voices[0]).layout is Layout.MONO


def test_people_on_channels_of_their_own_are_a_dual_call(voices: tuple[np.ndarray, np.ndarray]) -> None:
    assert found(*voices).layout is Layout.DUAL


@pytest.mark.parametrize("leak_db", [-14, -20, -30])
def test_a_call_with_cross_talk_is_still_dual(voices: tuple[np.ndarray, np.ndarray], leak_db: int) -> None:
    first, second = voices
    leak = 10 ** (leak_db / 20)

    assert found(first + leak * second, second + leak * first).layout is Layout.DUAL


def test_the_same_thing_twice_is_identical(voices: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = voices
    both = first + second
    coded_apart = both + np.random.default_rng(0).normal(0, 1e-4, len(both))

    assert found(both, both).layout is Layout.IDENTICAL
    assert found(both, coded_apart).layout is Layout.IDENTICAL


def test_two_microphones_in_a_room_are_a_room(voices: tuple[np.ndarray, np.ndarray]) -> None:
    both = voices[0] + voices[1]

    assert found(both, 0.8 * np.roll(both, 8)).layout is Layout.ROOM


def test_a_swapped_wire_is_antiphase(voices: tuple[np.ndarray, np.ndarray]) -> None:
    both = voices[0] + voices[1]

    assert found(both, -0.9 * both).layout is Layout.ANTIPHASE


def test_a_dead_channel_is_told(voices: tuple[np.ndarray, np.ndarray]) -> None:
    result = found(np.zeros_like(voices[0]), voices[0])

    assert result.layout is Layout.ONE_SILENT
    assert result.silent == (True, False)


@pytest.mark.parametrize("block", [1, 511, 512, 100_000])
def test_the_length_of_the_blocks_changes_nothing(voices: tuple[np.ndarray, np.ndarray], block: int) -> None:
    short = (voices[0][:20_000], voices[1][20_000:40_000])

    assert found(*short, block=block) == found(*short, block=4_096)


def test_no_sound_at_all_is_silent() -> None:
    assert Measuring(2).found().silent == (True, True)


def test_cross_talk_is_masked_even_when_it_comes_late() -> None:
    speaker = np.concatenate([np.full(30, -20.0), np.full(30, -90.0)])
    other = np.concatenate([np.full(6, -90.0), np.full(30, -30.0), np.full(24, -90.0)])

    first, second = masks(np.stack([speaker, other]).astype(np.float32))

    assert first[:30].all()
    assert not second[:36].any()


def test_both_who_speak_at_once_are_heard() -> None:
    levels = np.full((2, 40), -20.0, np.float32)
    levels[1] = -24.0

    first, second = masks(levels)

    assert first.all()
    assert second.all()
