"""The whole line from sound to turns, with the real networks and human voices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from polyscribe.diarization.community import WINDOW
from polyscribe.domain.transcript import Turn
from polyscribe.ports import Diarizer, Samples
from voices import Memory


@pytest.fixture(scope="module")
def turns(diarizer: Diarizer, dialogue: Memory) -> list[Turn]:
    """Who speaks in the dialogue, when nobody told how many they are."""
    return diarizer.turns(dialogue, 0, None)


def speaker_at(turns: list[Turn], at_ms: int) -> set[int]:
    return {turn.speaker for turn in turns if turn.start_ms <= at_ms < turn.end_ms}


def test_silence_has_no_turns(diarizer: Diarizer, silence: Memory) -> None:
    assert diarizer.turns(silence, 0, None) == []


@pytest.mark.parametrize("length", [0, 1, 300, 1600])
def test_a_sound_too_short_for_speech_has_no_turns(diarizer: Diarizer, length: int) -> None:
    assert diarizer.turns(Memory(np.zeros(length, np.float32)), 0, 2) == []


def test_faint_noise_has_no_turns(diarizer: Diarizer) -> None:
    noise = np.random.default_rng(1).normal(0, 0.003, WINDOW).astype(np.float32)

    assert diarizer.turns(Memory(noise), 0, None) == []


def test_one_voice_is_one_speaker(diarizer: Diarizer, reader: Samples) -> None:
    found = diarizer.turns(Memory(reader), 0, None)

    assert {turn.speaker for turn in found} == {0}
    assert sum(turn.end_ms - turn.start_ms for turn in found) > 8_000


def test_two_voices_are_told_apart_and_recognised_again(turns: list[Turn]) -> None:
    assert [speaker_at(turns, at_ms) for at_ms in (3_000, 9_000, 14_000, 20_500)] == [{0}, {1}, {0}, {1}]
    assert {turn.speaker for turn in turns} == {0, 1}


def test_a_boundary_is_found_where_the_speaker_changes(turns: list[Turn]) -> None:
    first_of_actor = min(turn.start_ms for turn in turns if turn.speaker == 1)
    assert abs(first_of_actor - 6_500) < 400


def test_turns_are_in_order_and_within_the_sound(turns: list[Turn], dialogue: Memory) -> None:
    duration_ms = dialogue.length // 16
    assert turns == sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
    assert all(0 <= turn.start_ms < turn.end_ms <= duration_ms for turn in turns)


@pytest.mark.parametrize("speakers", [1, 2, 3])
def test_a_known_number_of_speakers_is_kept(diarizer: Diarizer, dialogue: Memory, speakers: int) -> None:
    found = diarizer.turns(dialogue, 0, speakers)

    assert {turn.speaker for turn in found} == set(range(speakers))


def test_the_level_does_not_matter(diarizer: Diarizer, dialogue: Memory) -> None:
    quiet = diarizer.turns(Memory(dialogue.samples * np.float32(0.02)), 0, None)

    assert [speaker_at(quiet, at_ms) for at_ms in (3_000, 9_000, 14_000, 20_500)] == [{0}, {1}, {0}, {1}]


def test_the_sound_is_read_in_windows(diarizer: Diarizer, dialogue: Memory) -> None:
    sound = Memory(dialogue.samples)

    diarizer.turns(sound, 0, None)

    assert sound.longest_read < 13 * 16_000 < sound.length


def test_one_diarizer_serves_two_threads_at_once(diarizer: Diarizer, dialogue: Memory, turns: list[Turn]) -> None:
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda _: diarizer.turns(Memory(dialogue.samples), 0, None), range(2)))

    assert together == [turns, turns]
