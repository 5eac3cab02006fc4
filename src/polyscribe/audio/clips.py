"""Cuts the speech of a channel into clips for a recogniser. Pure: probabilities in, milliseconds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio.speech import HOP_MS, Probabilities


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of one channel that is handed to a recogniser in one piece."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Cutting:
    """How to cut. Speech begins at `on`; it ends where it falls below `off` and does not reach `on` for `end_ms`."""

    on: float = 0.5
    off: float = 0.35
    end_ms: int = 400
    least_ms: int = 96
    pad_ms: int = 250
    longest_ms: int = 12_000
    merge_pause_ms: int = 1_500


def cut(probabilities: Probabilities, length_ms: int, how: Cutting | None = None) -> list[Clip]:
    """Clips in order, apart or touching, inside 0 … `length_ms`, none longer than `longest_ms` and its pads."""
    how = how or Cutting()
    spoken = [each for each in _spoken(probabilities, how) if (each[1] - each[0]) * HOP_MS >= how.least_ms]
    parts = [part for first, last in spoken for part in _parts(probabilities, first, last, how.longest_ms // HOP_MS)]
    return _merged(_padded(parts, length_ms, how), how)


def _spoken(probabilities: Probabilities, how: Cutting) -> list[tuple[int, int]]:
    """Hops (first, behind the last) of each stretch of speech."""
    sure = np.flatnonzero(probabilities >= how.on)
    if not len(sure):
        return []
    falls = _next_below(probabilities, how.off)[sure]
    ends = -(-how.end_ms // HOP_MS)
    following = np.append(sure[1:], len(probabilities) + ends)
    is_last = following - falls >= ends
    firsts = sure[np.concatenate([[True], is_last[:-1]])]
    return [(int(first), int(last)) for first, last in zip(firsts, falls[is_last], strict=True)]


def _next_below(probabilities: Probabilities, bar: float) -> NDArray[np.int64]:
    """For each hop the first one from there on that lies below `bar`; the number of hops if there is none."""
    count = len(probabilities)
    own = np.where(probabilities < bar, np.arange(count), count)
    return np.minimum.accumulate(own[::-1])[::-1]


def _parts(probabilities: Probabilities, first: int, last: int, longest: int) -> list[tuple[int, int]]:
    """The stretch, cut where speech is least likely in the second half of what may be longest."""
    parts = []
    while last - first > longest:
        begin = first + longest // 2
        around = np.convolve(probabilities[begin - 1 : first + longest + 1], np.ones(3) / 3, mode="valid")
        cut_at = begin + int(np.argmin(around))
        parts.append((first, cut_at))
        first = cut_at
    return [*parts, (first, last)]


def _padded(parts: list[tuple[int, int]], length_ms: int, how: Cutting) -> list[Clip]:
    """With up to `pad_ms` around, never beyond the middle of the pause to the neighbour."""
    clips = []
    for index, (first, last) in enumerate(parts):
        before = parts[index - 1][1] * HOP_MS if index else -first * HOP_MS
        after = parts[index + 1][0] * HOP_MS if index + 1 < len(parts) else 2 * length_ms
        start, end = first * HOP_MS, last * HOP_MS
        start = max(start - how.pad_ms, (before + start) // 2, 0)
        end = min(end + how.pad_ms, (end + after) // 2, length_ms)
        if start < end:
            clips.append(Clip(start, end))
    return clips


def _merged(clips: list[Clip], how: Cutting) -> list[Clip]:
    """Neighbours joined while they stay within `longest_ms` and the pause between them is short."""
    merged: list[Clip] = []
    for clip in clips:
        if (
            merged
            and clip.end_ms - merged[-1].start_ms <= how.longest_ms
            and clip.start_ms - merged[-1].end_ms <= how.merge_pause_ms
        ):
            merged[-1] = Clip(merged[-1].start_ms, clip.end_ms)
        else:
            merged.append(clip)
    return merged
