"""Where somebody speaks: Silero VAD over whole tracks of any length.

Works in blocks of fixed length, so that memory does not grow with the sound and the way it is read changes nothing.
Knows samples, not files, recognisers or speakers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio.silero import CONTEXT, HOP, Silero, begin
from polyscribe.ports import SAMPLE_RATE_HZ, Samples

HOP_MS = HOP * 1000 // SAMPLE_RATE_HZ
"""32 ms."""

Probabilities = NDArray[np.float32]
"""How likely each hop is speech, 0–1, shape (hops,)."""

_BLOCK_HOPS = 512
_QUIET_DB = -65.0
_QUIET_HOPS = 12


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of sound to listen to: `read(start, stop)` gives its samples, `mask` says which hops matter at all."""

    read: Callable[[int, int], Samples]
    mask: NDArray[np.bool_] | None = None


@cache
def detector() -> Silero:
    """The network of this process. Raises EngineFailed: NOT_INSTALLED."""
    return Silero()


def listen(silero: Silero, track: Track, length: int) -> Probabilities:
    """The probabilities over `length` samples; a started hop counts as one.

    What the mask excludes and what lies deep in silence is not listened to: the probability is 0, and to the network
    it is as if that stretch were not there.
    """
    hops = -(-length // HOP)
    found = np.zeros(hops, np.float32)
    state, tail = begin(), np.zeros(CONTEXT, np.float32)
    for first in range(0, hops, _BLOCK_HOPS):
        last = min(first + _BLOCK_HOPS, hops)
        block = _whole(track.read(first * HOP, min(last * HOP, length)), (last - first) * HOP)
        wanted = _loud(block) if track.mask is None else _loud(block) & track.mask[first:last]
        if wanted.any():
            rows = np.lib.stride_tricks.sliding_window_view(np.concatenate([tail, block]), CONTEXT + HOP)[::HOP]
            found[first:last][wanted], state = silero.run(rows[wanted], state)
        tail = block[-CONTEXT:]
    return found


def levels(samples: Samples) -> NDArray[np.float32]:
    """Power of each whole hop in dB of full scale, never under -100."""
    hops = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    result: NDArray[np.float32] = (10 * np.log10(np.einsum("ij,ij->i", hops, hops) / HOP + 1e-10)).astype(np.float32)
    return result


def _whole(samples: Samples, length: int) -> Samples:
    return np.pad(samples, (0, length - len(samples))) if len(samples) < length else samples


def _loud(block: Samples) -> NDArray[np.bool_]:
    """False in the midst of long silence; the edges of what is loud are kept, since the network looks back."""
    loud = levels(block) > _QUIET_DB
    if loud.all() or not loud.any():
        return loud
    reach = np.ones(2 * _QUIET_HOPS + 1)
    return np.convolve(loud, reach, mode="full")[_QUIET_HOPS : _QUIET_HOPS + len(loud)] > 0.5
