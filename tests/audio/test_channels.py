"""What two channels are to each other is told from their sound, however it comes in."""

from __future__ import annotations

import numpy as np
import pytest

from polyscribe.audio.channels import Found, Layout, Measuring, leaks, masks
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


@pytest.mark.parametrize("leak_db", [-6, -12, -20, -30])
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


def turns(leak_db: float, late: int = 0) -> np.ndarray:
    """Levels of two who speak for 96 hops each in turn, over noise at -70 dB."""
    first = np.where(np.arange(960) // 96 % 2 == 0, -20.0, -70.0)
    second = np.where(np.arange(960) // 96 % 2 == 1, -20.0, -70.0)
    return np.stack(
        [np.maximum(own, np.roll(other, late) + leak_db) for own, other in ((first, second), (second, first))]
    ).astype(np.float32)


@pytest.mark.parametrize("leak_db", [-6, -12, -20])
@pytest.mark.parametrize("late", [0, 3, 6])
def test_cross_talk_is_masked_however_loud_and_late(leak_db: int, late: int) -> None:
    levels = turns(leak_db, late)

    first, second = masks(levels, leaks(levels))

    own = np.arange(960) // 96 % 2 == 0
    settled = np.arange(960) % 96 > 8
    assert first[own & settled].all()
    assert not first[~own].any()
    assert second[~own & settled].all()
    assert not second[own].any()


@pytest.mark.parametrize("leak_db", [-6, -12, -20])
def test_the_strength_of_cross_talk_is_found(leak_db: int) -> None:
    assert leaks(turns(leak_db)) == pytest.approx((leak_db, leak_db), abs=1)


def test_without_cross_talk_a_quiet_person_is_heard_beside_a_loud_one() -> None:
    levels = turns(-60)
    levels[1, 200:220] = -38.0

    _, second = masks(levels, leaks(levels))

    assert leaks(levels)[1] < -30
    assert second[200:220].all()


def test_both_who_speak_at_once_are_heard_through_cross_talk() -> None:
    levels = turns(-12)
    levels[:, 100:120] = np.array([[-20.0], [-24.0]])

    first, second = masks(levels, leaks(levels))

    assert first[100:120].all()
    assert second[100:120].all()
