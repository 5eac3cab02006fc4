"""Tells from running statistics what the channels of a file are: a call, a room, the same thing twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio.silero import HOP

IDENTICAL_DB = -40.0
"""Left minus right this far below their sum: the same sound twice, coded apart at most."""

APART_DB = 12.0
APART_SHARE = 0.7
NO_LEAK_DB = -30.0
"""Cross-talk that is fainter is not understood by a recogniser."""

_BOTH_WAYS_DB = 4.5
_BOTH_WAYS_SHARE = 0.6
_ONE_WAY_LEAST = 0.08
_DOMINATED_DB = 3.0
_SECOND_HOPS = 32
_LEAK_MARGIN_DB = 3.0
_EQUAL_DB = -1.5

_ECHO_HOPS = 8
"""Cross-talk may arrive up to 200 ms late: a quarter of a second."""

_ACTIVE_DB = -60.0
_ACTIVE_BELOW_DB = 35.0
_SILENT_DB = -75.0
_ANTIPHASE_DB = -10.0
_LOWEST_DB = -120


Levels = NDArray[np.float16]
"""Decibels of full scale, never under -100. Half precision: eight hours have a million hops."""


class Layout(StrEnum):
    """What two channels are to each other."""

    MONO = "mono"
    IDENTICAL = "identical"
    DUAL = "dual"
    ROOM = "room"
    ANTIPHASE = "antiphase"
    ONE_SILENT = "one_silent"


@dataclass(frozen=True, slots=True)
class Found:
    """What the statistics say. `speech_db`: level of the louder moments of each channel."""

    layout: Layout
    silent: tuple[bool, ...]
    speech_db: tuple[float, ...]


class Measuring:
    """Statistics of a sound that passes by in blocks of any length, in constant memory but for one level per hop."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._left_over: NDArray[np.int16] = np.zeros((0, channels), np.int16)
        self._levels: list[Levels] = []
        self._difference = 0.0
        self._sum = 0.0
        self._total = 0.0
        self.frames = 0

    def feed(self, block: NDArray[np.int16]) -> None:
        """`block` is (n, channels)."""
        self.frames += len(block)
        joined = np.concatenate([self._left_over, block]) if len(self._left_over) else block
        whole = len(joined) // HOP * HOP
        self._left_over = joined[whole:].copy()
        if whole:
            self._measure(joined[:whole].astype(np.float32) / np.float32(32768))

    def found(self) -> Found:
        """The decision over all that was fed."""
        levels = self.levels()
        silent = tuple(bool(levels[channel].max(initial=_LOWEST_DB) < _SILENT_DB) for channel in range(self._channels))
        speech = tuple(_speech_level(levels[channel]) for channel in range(self._channels))
        return Found(self._layout(levels, silent, max(speech) - _ACTIVE_BELOW_DB), silent, speech)

    def levels(self) -> Levels:
        """Of each channel and hop, (channels, hops)."""
        parts = list(self._levels)
        if len(self._left_over):
            rest = self._left_over.astype(np.float32) / np.float32(32768)
            parts.append(_decibels_of(np.square(rest).sum(axis=0)[:, None] / HOP))
        return np.concatenate(parts, axis=1) if parts else np.zeros((self._channels, 0), np.float16)

    def _measure(self, samples: NDArray[np.float32]) -> None:
        hops = samples.reshape(-1, HOP, self._channels)
        self._levels.append(_decibels_of(np.einsum("ijk,ijk->ki", hops, hops) / HOP))
        if self._channels == 2:
            left, right = samples[:, 0], samples[:, 1]
            both = float(left @ right)
            own = float(left @ left) + float(right @ right)
            self._difference += own - 2 * both
            self._sum += own + 2 * both
            self._total += own

    def _layout(self, levels: Levels, silent: tuple[bool, ...], active_db: float) -> Layout:
        if self._channels == 1:
            return Layout.MONO
        if any(silent) and not all(silent):
            return Layout.ONE_SILENT
        if _decibels(self._difference, self._total) < IDENTICAL_DB:
            return Layout.IDENTICAL
        active = levels.max(axis=0, initial=_LOWEST_DB) > active_db
        if active.any() and _are_apart(levels[0][active] - levels[1][active]):
            return Layout.DUAL
        if _decibels(self._sum, self._total) < _ANTIPHASE_DB:
            return Layout.ANTIPHASE
        return Layout.ROOM


def _decibels_of(powers: NDArray[np.float32]) -> Levels:
    result: Levels = (10 * np.log10(powers + 1e-10)).astype(np.float16)
    return result


def leaks(levels: Levels) -> tuple[float, float]:
    """How loud the other side is on each of two channels, in dB against its own channel: -6 is heavy cross-talk.

    Taken from the peaks of those seconds in which the other side is louder, so that a delay does not matter; without
    cross-talk they are the line's noise, far below `NO_LEAK_DB`.
    """
    seconds = levels.shape[1] // _SECOND_HOPS
    peaks = levels[:, : seconds * _SECOND_HOPS].reshape(2, seconds, _SECOND_HOPS).max(axis=2)
    return _leak(peaks[0], peaks[1]), _leak(peaks[1], peaks[0])


def masks(levels: Levels, leaked: tuple[float, float]) -> list[NDArray[np.bool_]]:
    """For each of two channels the hops that can be its own speech: not those that the other's cross-talk explains.

    Cross-talk may come late, so a hop is held against what the other side said within the last quarter of a second.
    Where there is no cross-talk a person is heard however loud the other one is.
    """
    return [
        levels[own] - _recent_peak(levels[1 - own]) >= min(leaked[own] + _LEAK_MARGIN_DB, _EQUAL_DB) for own in range(2)
    ]


def _recent_peak(levels: Levels) -> Levels:
    padded = np.concatenate([np.full(_ECHO_HOPS, _LOWEST_DB, np.float16), levels])
    result: Levels = np.lib.stride_tricks.sliding_window_view(padded, _ECHO_HOPS + 1).max(axis=1)
    return result


def _leak(own: Levels, other: Levels) -> float:
    difference = (own - other)[(other > _ACTIVE_DB) & (other - own > _DOMINATED_DB)]
    return float(np.percentile(difference.astype(np.float32), 60)) if len(difference) else float(_LOWEST_DB)


def _are_apart(difference: Levels) -> bool:
    """Whether each channel has people of its own: far apart nearly always, or clearly louder now here, now there.

    The second is a call with heavy cross-talk; microphones in one room differ by less, or always the same way.
    """
    if (np.abs(difference) > APART_DB).mean() > APART_SHARE:
        return True
    ways = [(sign * difference > _BOTH_WAYS_DB).mean() for sign in (1, -1)]
    return bool(sum(ways) > _BOTH_WAYS_SHARE and min(ways) > _ONE_WAY_LEAST)


def _decibels(part: float, whole: float) -> float:
    return float(10 * np.log10(max(part, 0.0) / whole + 1e-12)) if whole > 0 else float(_LOWEST_DB)


def _speech_level(levels: Levels) -> float:
    """The level that the loud tenth of the active hops reaches."""
    active = levels[levels > _SILENT_DB]
    return float(np.percentile(active.astype(np.float32), 90)) if len(active) else float(_LOWEST_DB)
