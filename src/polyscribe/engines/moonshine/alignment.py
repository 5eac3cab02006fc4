"""When each token was spoken: from where the decoder looked, corrected by where the sound is silent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyscribe.ports import SAMPLE_RATE_HZ, Samples

FRAME_MS = 24.0
"""Distance of the encoder's frames (384 samples)."""

FRAME_CENTRE_MS = 28.0
"""From the start of a frame to the middle of what it covers."""

_SMOOTH_FRAMES = 7
_HOP = SAMPLE_RATE_HZ // 100
_SILENCE_MS = 80
_EARLY_MS = 160


def token_starts(attention: NDArray[np.float32]) -> NDArray[np.float64]:
    """Milliseconds at which each token begins, never decreasing; `attention` is (tokens, heads, frames).

    Near to OpenAI's whisper/timing.py: how much more than the other tokens each one looked at a frame, mean of all
    heads, median filter over time, then the path of least cost on which every frame belongs to one token and tokens
    follow each other. In logarithms, which was measured to lie nearer to known onsets than their z-score (27 to 30 ms).
    """
    looked = np.log(attention + np.float32(1e-4)).mean(axis=1)
    scored = looked - looked.mean(axis=0)
    return _path(-_smoothed(scored)) * FRAME_MS + FRAME_CENTRE_MS


def spread(lengths: list[int], length_ms: float) -> list[float]:
    """Starts of words in proportion to their letters: for a recogniser that does not say where it looked."""
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    result: list[float] = (before / max(1, sum(lengths)) * length_ms).tolist()
    return result


def loudness(samples: Samples) -> NDArray[np.float64]:
    """Level in dB of full scale of each 10 ms."""
    count = max(1, len(samples) // _HOP)
    frames = np.zeros(count * _HOP, np.float32)
    frames[: min(len(samples), len(frames))] = samples[: len(frames)]
    power = np.square(frames.reshape(count, _HOP), dtype=np.float64).mean(axis=1)
    result: NDArray[np.float64] = 10 * np.log10(power + 1e-10)
    return result


def silences(levels: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Stretches of at least 80 ms, in milliseconds, that are much quieter than the speech of the clip."""
    quiet = levels < _threshold(levels)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    pairs = edges.reshape(-1, 2) * 10
    return [(int(start), int(stop)) for start, stop in pairs if stop - start >= _SILENCE_MS]


def corrected(starts_ms: list[float], end_ms: float, quiet: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(start, end) of each word in milliseconds, in order.

    The path tends to give a silence to the word after it: a start is moved behind a silence near the beginning of its
    word, and an end before the silence that ends its word.
    """
    times: list[tuple[int, int]] = []
    least = 0
    for index, raw in enumerate(min(start, end_ms) for start in starts_ms):
        border = min(end_ms, starts_ms[index + 1]) if index + 1 < len(starts_ms) else end_ms
        start = raw
        for quiet_start, quiet_stop in quiet:
            if quiet_start <= start + _EARLY_MS and start < quiet_stop < border:
                start = quiet_stop
        stops = [quiet_start for quiet_start, quiet_stop in quiet if start < quiet_start < border <= quiet_stop]
        begin = max(least, round(start))
        times.append((begin, max(begin, min(stops, default=round(border)))))
        least = begin
    return times


def _threshold(levels: NDArray[np.float64]) -> float:
    """Between the quietest tenth and the loud parts of the clip, nearer to the quiet."""
    floor, loud = np.percentile(levels, [10, 95])
    return float(floor + 0.3 * (loud - floor)) if loud - floor > 12 else float(floor - 1)


def _smoothed(scored: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over seven frames, edges mirrored."""
    reach = _SMOOTH_FRAMES // 2
    if scored.shape[1] <= reach:
        return scored
    wide = np.pad(scored, ((0, 0), (reach, reach)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(wide, _SMOOTH_FRAMES, axis=1)
    result: NDArray[np.float32] = np.partition(windows, reach, axis=2)[:, :, reach]
    return result


def _path(cost: NDArray[np.float32]) -> NDArray[np.float64]:
    """First frame of each row on the cheapest path through `cost` (rows, frames) that never goes back.

    D(row, f) = min over g <= f of D(row - 1, g - 1) + cost of row from g to f; a running minimum over the sums gives
    all frames of a row at once.
    """
    rows, frames = cost.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(cost, axis=1, dtype=np.float64)], axis=1)
    best = np.concatenate([[0.0], np.full(frames, np.inf)])  # cost of having spent f frames on the rows before
    entered = np.zeros((rows, frames + 1), np.int64)
    for row in range(rows):
        gain = best - sums[row]
        lowest = np.minimum.accumulate(gain)
        entered[row] = np.maximum.accumulate(np.where(gain <= lowest, np.arange(frames + 1), 0))
        best = lowest + sums[row]
    starts = np.zeros(rows)
    frame = frames
    for row in range(rows - 1, -1, -1):
        frame = int(entered[row, frame])
        starts[row] = frame
    return starts
