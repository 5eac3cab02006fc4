"""Who is heard when: votes of overlapping windows, put together into turns.

Knows frames and speakers' numbers; neither networks nor sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscribe.diarization.networks import Floats
from polyscribe.domain.transcript import Turn

FRAMES = 589
"""Frames of the segmentation network in one window."""
WINDOW_MS = 10_000
FRAME_MS = WINDOW_MS / FRAMES
PAUSE_MS = 500
"""Pauses of one speaker up to this long belong to the turn."""
VOICES = 3

_FRAMES_AT_ONCE = 16_384

SETS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)
"""Which of a window's three voices are heard in each of the seven classes of the segmentation network."""


@dataclass(frozen=True, slots=True)
class Window:
    """Ten seconds from `start_ms`: how likely each voice is heard (589, 3) and whose voice it is (None: nobody's)."""

    start_ms: int
    heard: NDArray[np.float16]
    speakers: tuple[int | None, ...]


def likelihoods(classes: Floats) -> Floats:
    """How likely each voice is heard (589, 3), from the log-probabilities of the classes (589, 7)."""
    likely: Floats = np.exp(classes) @ SETS
    return likely


def decisions(classes: Floats) -> Floats:
    """Who is heard, 0 or 1 (589, 3), by the likeliest class of each frame (589, 7)."""
    decided: Floats = SETS[classes.argmax(axis=1)]
    return decided


def turns(windows: Sequence[Window], duration_ms: int, *, everyone: bool = False) -> list[Turn]:
    """Turns in order of start, within the sound. Frames without any window have no speaker.

    At every frame as many speakers are heard as the windows see voices on average; they are the ones with most votes.
    `everyone` gives those who would never win a vote the frames in which they come nearest to it.
    """
    speakers = 1 + max(
        (speaker for window in windows for speaker in window.speakers if speaker is not None), default=-1
    )
    if speakers == 0:
        return []
    heard = _heard(windows, speakers, int(duration_ms / FRAME_MS) + 1, everyone)
    found = [
        Turn(start_ms, min(end_ms, duration_ms), speaker)
        for speaker in range(speakers)
        for start_ms, end_ms in _stretches(heard[:, speaker])
        if start_ms < duration_ms
    ]
    return _numbered(sorted(found, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker)))


def _heard(windows: Sequence[Window], speakers: int, frames: int, everyone: bool) -> NDArray[np.bool_]:
    firsts = [round(window.start_ms / FRAME_MS) for window in windows]
    covered = max(frames, max(firsts) + FRAMES)
    votes = np.zeros((covered, speakers), np.float32)
    voices = np.zeros(covered, np.float32)
    seen = np.zeros(covered, np.float32)
    for first, window in zip(firsts, windows, strict=True):
        part = slice(first, first + FRAMES)
        heard = window.heard.astype(np.float32)
        seen[part] += 1
        voices[part] += heard.sum(axis=1)
        for speaker in {speaker for speaker in window.speakers if speaker is not None}:
            own = [index for index, whose in enumerate(window.speakers) if whose == speaker]
            votes[part, speaker] += heard[:, own].max(axis=1)
    count = np.rint(voices / np.maximum(seen, 1))[:frames]
    chosen = _most_voted(votes[:frames], count)
    if everyone:
        _leave_nobody_out(chosen, votes[:frames] / np.maximum(seen[:frames, None], 1))
    return chosen


def _most_voted(votes: Floats, count: Floats) -> NDArray[np.bool_]:
    chosen = np.zeros(votes.shape, np.bool_)
    for first in range(0, len(votes), _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        order = np.argsort(-votes[part], axis=1, kind="stable")
        for rank in range(min(votes.shape[1], VOICES)):
            rows = np.flatnonzero(count[part] > rank)
            chosen[first + rows, order[rows, rank]] = True
        chosen[part] &= votes[part] > 0
    return chosen


def _leave_nobody_out(chosen: NDArray[np.bool_], votes: NDArray[np.floating]) -> None:
    for speaker in np.flatnonzero(~chosen.any(axis=0)):
        highest = votes[:, speaker].max()
        nearest = (votes[:, speaker] >= 0.9 * highest) & (votes[:, speaker] > 0)
        chosen[nearest] = False
        chosen[nearest, speaker] = True


def _stretches(heard: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], heard, [False]]).astype(np.int8)))
    stretches: list[tuple[int, int]] = []
    for first, stop in edges.reshape(-1, 2).tolist():
        start_ms, end_ms = round(first * FRAME_MS), round(stop * FRAME_MS)
        if stretches and start_ms - stretches[-1][1] <= PAUSE_MS:
            start_ms = stretches.pop()[0]
        stretches.append((start_ms, end_ms))
    return stretches


def _numbered(found: list[Turn]) -> list[Turn]:
    """Speakers in the order in which they are first heard, without gaps."""
    numbers = {speaker: number for number, speaker in enumerate(dict.fromkeys(turn.speaker for turn in found))}
    return [Turn(turn.start_ms, turn.end_ms, numbers[turn.speaker]) for turn in found]
