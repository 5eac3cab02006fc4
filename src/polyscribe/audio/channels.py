"""Tells from running statistics what the channels of a file are: a call, a room, the same thing twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio.silero import HOP
from polyscribe.audio.speech import Probabilities

IDENTICAL_DB = -40.0
"""Left minus right this far below their sum: the same sound twice, coded apart at most."""

APART_DB = 12.0
APART_SHARE = 0.7
LOUDER_DB = 6.0
"""Cross-talk arrives at -6 dB or less of what is said on the other channel."""

_ECHO_HOPS = 8
"""Cross-talk may arrive up to 200 ms late: a quarter of a second."""

_ACTIVE_DB = -60.0
_SILENT_DB = -75.0
_ANTIPHASE_DB = -10.0
_LOWEST_DB = -120


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
        self._powers: list[NDArray[np.float32]] = []
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
        powers = self._all_powers()
        levels = 10 * np.log10(powers + 1e-12)
        silent = tuple(bool(levels[channel].max(initial=_LOWEST_DB) < _SILENT_DB) for channel in range(self._channels))
        speech = tuple(_speech_level(levels[channel]) for channel in range(self._channels))
        return Found(self._layout(levels, silent), silent, speech)

    def levels(self) -> NDArray[np.float32]:
        """dB of full scale of each channel and hop, (channels, hops)."""
        result: NDArray[np.float32] = (10 * np.log10(self._all_powers() + 1e-10)).astype(np.float32)
        return result

    def _measure(self, samples: NDArray[np.float32]) -> None:
        hops = samples.reshape(-1, HOP, self._channels)
        self._powers.append(np.einsum("ijk,ijk->ki", hops, hops) / HOP)
        if self._channels == 2:
            left, right = samples[:, 0], samples[:, 1]
            both = float(left @ right)
            own = float(left @ left) + float(right @ right)
            self._difference += own - 2 * both
            self._sum += own + 2 * both
            self._total += own

    def _all_powers(self) -> NDArray[np.float32]:
        powers = list(self._powers)
        if len(self._left_over):
            rest = self._left_over.astype(np.float32) / np.float32(32768)
            powers.append((np.square(rest).sum(axis=0) / HOP)[:, None])
        return np.concatenate(powers, axis=1) if powers else np.zeros((self._channels, 0), np.float32)

    def _layout(self, levels: NDArray[np.float32], silent: tuple[bool, ...]) -> Layout:
        if self._channels == 1:
            return Layout.MONO
        if any(silent) and not all(silent):
            return Layout.ONE_SILENT
        if _decibels(self._difference, self._total) < IDENTICAL_DB:
            return Layout.IDENTICAL
        active = levels.max(axis=0, initial=_LOWEST_DB) > _ACTIVE_DB
        apart = np.abs(levels[0] - levels[1])[active] > APART_DB
        if active.any() and apart.mean() > APART_SHARE:
            return Layout.DUAL
        if _decibels(self._sum, self._total) < _ANTIPHASE_DB:
            return Layout.ANTIPHASE
        return Layout.ROOM


def masks(levels: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """For each of two channels the hops that can be its own speech: not those that the other's cross-talk explains.

    A hop is another's where that one is more than 6 dB louder, now or within the last quarter of a second.
    """
    recent = [_recent_peak(levels[channel]) for channel in range(2)]
    return [levels[channel] + LOUDER_DB >= recent[1 - channel] for channel in range(2)]


def gated(probabilities: Probabilities, mask: NDArray[np.bool_]) -> Probabilities:
    """Zero where the mask says that it is not own speech."""
    return np.where(mask[: len(probabilities)], probabilities, np.float32(0))


def _recent_peak(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.concatenate([np.full(_ECHO_HOPS, _LOWEST_DB, np.float32), levels])
    result: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(padded, _ECHO_HOPS + 1).max(axis=1)
    return result


def _decibels(part: float, whole: float) -> float:
    return float(10 * np.log10(max(part, 0.0) / whole + 1e-12)) if whole > 0 else float(_LOWEST_DB)


def _speech_level(levels: NDArray[np.float32]) -> float:
    """The level that the loud tenth of the active hops reaches."""
    active = levels[levels > _SILENT_DB]
    return float(np.percentile(active, 90)) if len(active) else float(_LOWEST_DB)
