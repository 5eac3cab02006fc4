"""What keeps the recogniser from writing what nobody said: level, leading silence, loops. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyscribe.engines.moonshine.alignment import loudness
from polyscribe.ports import SAMPLE_RATE_HZ, Samples

TOKENS_PER_S = 6.5
"""Normal speech has four tokens in a second; a loop runs on until it is stopped."""

_LEAST_SAMPLES = SAMPLE_RATE_HZ // 10
_SILENCE_AFTER = SAMPLE_RATE_HZ * 3 // 10
_GAIN_MAX_DB = 40.0
_LOWEST_DB = -85.0
_REPEATS = 4
_PERIOD_MAX = 24


@dataclass(frozen=True, slots=True)
class Way:
    """One way to present a clip: the level of its loud parts, and how much silence is left before it."""

    loud_db: float
    kept_silence_ms: int


WAYS = (Way(-23, 250), Way(-29, 60), Way(-17, 120))
"""The usual way, and others for a clip that was hard: small changes make other mistakes."""


def limit(samples: Samples) -> int:
    """The most tokens that so much sound can have."""
    return int(np.ceil(len(samples) / SAMPLE_RATE_HZ * TOKENS_PER_S))


def prepared(samples: Samples, way: Way) -> tuple[Samples, int]:
    """(what the recogniser shall hear, samples cut off before it): leading silence trimmed, brought to one level,
    and 0.3 s of silence after it: what breaks off at once is often written twice ("Yes, yes").

    Nothing is left when there is no sound at all, or so little of it that only inventions can come out.
    """
    levels = loudness(samples)
    loud = float(np.percentile(levels, 90))
    if loud < _LOWEST_DB or len(samples) < _LEAST_SAMPLES:
        return samples[:0], 0
    heard = np.flatnonzero(levels > max(loud - 35, _LOWEST_DB))
    skipped = max(0, int(heard[0]) * 10 - way.kept_silence_ms) * SAMPLE_RATE_HZ // 1000
    gain = 10 ** (min(way.loud_db - loud, _GAIN_MAX_DB) / 20)
    scaled = np.clip(samples[skipped:] * np.float32(gain), -1, 1)
    return np.concatenate([scaled, np.zeros(_SILENCE_AFTER, np.float32)]), skipped


def before_loop(tokens: Sequence[int], complete: bool) -> int:
    """How many tokens stand before the first repetition of a loop; all of them when there is none.

    A loop is a group of three tokens or more said four times in a row. When the recogniser was stopped by the limit,
    shorter groups at the end count too; one that came to its own end may have heard "no, no, no, no".
    """
    count = len(tokens)
    for period in range(1, _PERIOD_MAX + 1):
        run = 0
        for at in range(period, count):
            run = run + 1 if tokens[at] == tokens[at - period] else 0
            if run >= period * (_REPEATS - 1) and (period >= 3 or (not complete and _runs_out(tokens, period))):
                return at + 1 - run
    return count


def _runs_out(tokens: Sequence[int], period: int) -> bool:
    tail = tokens[-period * _REPEATS :]
    return all(token == tail[index % period] for index, token in enumerate(tail))
