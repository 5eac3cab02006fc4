"""Where somebody speaks: Silero VAD over whole channels, and clips for a recogniser cut from its probabilities.

Works in blocks of fixed length, so that memory does not grow with the sound and the way it is read changes nothing.
Knows samples, not files, recognisers or speakers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from polyscribe import models
from polyscribe.ports import SAMPLE_RATE_HZ, Samples

HOP = 512
"""Samples per probability."""

HOP_MS = HOP * 1000 // SAMPLE_RATE_HZ
"""32 ms."""

Probabilities = NDArray[np.float32]
"""How likely each hop is speech, 0–1, shape (hops,)."""

_CONTEXT = 64
_BLOCK_HOPS = 3_750  # two minutes
_STRIP_HOPS = 128
_STRIPS_MAX = 16
_WARM_UP_HOPS = 32
_QUIET_RUN = 12
_ABOVE_FLOOR_DB = 4.0
_RATE = np.array(SAMPLE_RATE_HZ, np.int64)


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of sound to listen to: `read(start, stop)` gives its samples, `mask` says which hops matter at all."""

    read: Callable[[int, int], Samples]
    mask: NDArray[np.bool_] | None = None


@dataclass(slots=True)
class _Listening:
    """Where the network stands in one track; every track has its own."""

    state: NDArray[np.float32]
    tail: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Strip:
    """Hops of one block that one row of the batch listens to; the first `warm_up` of them only to get settled."""

    track: int
    hops: NDArray[np.int64]
    warm_up: int
    is_first: bool
    is_last: bool


class Detector:
    """Silero VAD, loaded once; may be used from several threads at once.

    Raises:
        EngineFailed: NOT_INSTALLED, the network is not there.
    """

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.load_model_format", "ORT")
        self._session = ort.InferenceSession(models.vad_model(), options, providers=["CPUExecutionProvider"])

    def listen(self, tracks: Sequence[Track], length: int) -> list[Probabilities]:
        """The probabilities of each track over `length` samples; a started hop counts as one.

        Each block of two minutes is cut into strips that run side by side, each warmed up on a second of sound before
        it: against one long run under one decision in a thousand differs, at half the cost. Long quiet stretches are
        not listened to.
        """
        hops = -(-length // HOP)
        found = [np.zeros(hops, np.float32) for _ in tracks]
        listening = [_Listening(np.zeros((2, 128), np.float32), np.zeros(_CONTEXT, np.float32)) for _ in tracks]
        for first in range(0, hops, _BLOCK_HOPS):
            last = min(first + _BLOCK_HOPS, hops)
            blocks = [_block(track, first, last, length) for track in tracks]
            heard = self._listen_to_block(blocks, [_mask(track, first, last) for track in tracks], listening)
            for track, probabilities in enumerate(heard):
                found[track][first:last] = probabilities
        return found

    def _listen_to_block(
        self, blocks: list[Samples], masks: list[NDArray[np.bool_]], listening: list[_Listening]
    ) -> list[Probabilities]:
        framed = [_framed(block, each.tail) for block, each in zip(blocks, listening, strict=True)]
        chosen = [np.flatnonzero(_worth_hearing(block) & mask) for block, mask in zip(blocks, masks, strict=True)]
        strips = _strips(chosen)
        found = [np.zeros(len(frames), np.float32) for frames in framed]
        if strips:
            self._run(strips, framed, listening, found)
        for block, each in zip(blocks, listening, strict=True):
            each.tail = block[-_CONTEXT:]
        return found

    def _run(
        self,
        strips: list[_Strip],
        framed: list[NDArray[np.float32]],
        listening: list[_Listening],
        found: list[Probabilities],
    ) -> None:
        # The longest strips first: those that have ended are the last rows and fall off the batch.
        strips = sorted(strips, key=lambda strip: -len(strip.hops))
        lengths = np.array([len(strip.hops) for strip in strips])
        state = np.zeros((2, len(strips), 128), np.float32)
        for row, strip in enumerate(strips):
            if strip.is_first:
                state[:, row] = listening[strip.track].state
        out = np.zeros((len(strips), int(lengths[0])), np.float32)
        for step in range(int(lengths[0])):
            rows = int((lengths > step).sum())
            batch = np.stack([framed[strip.track][strip.hops[step]] for strip in strips[:rows]])
            given = {"input": batch, "state": state[:, :rows], "sr": _RATE}
            probabilities, state = self._session.run(None, given)
            out[:rows, step] = probabilities[:, 0]
            for row in range(rows):
                if strips[row].is_last and lengths[row] == step + 1:
                    listening[strips[row].track].state = state[:, row].copy()
        for row, strip in enumerate(strips):
            found[strip.track][strip.hops[strip.warm_up :]] = out[row, strip.warm_up : lengths[row]]


def levels(samples: Samples) -> NDArray[np.float32]:
    """Power of each hop in dB of full scale, never under -100; the last hop may be a started one."""
    hops = -(-len(samples) // HOP)
    padded = np.zeros(hops * HOP, np.float32)
    padded[: len(samples)] = samples
    power = np.einsum("ij,ij->i", padded.reshape(hops, HOP), padded.reshape(hops, HOP)) / HOP
    result: NDArray[np.float32] = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return result


def _block(track: Track, first: int, last: int, length: int) -> Samples:
    samples = track.read(first * HOP, min(last * HOP, length))
    missing = (last - first) * HOP - len(samples)
    return np.pad(samples, (0, missing)) if missing else samples


def _mask(track: Track, first: int, last: int) -> NDArray[np.bool_]:
    return np.ones(last - first, np.bool_) if track.mask is None else track.mask[first:last]


def _framed(block: Samples, tail: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network hears at each hop: 64 samples from before it, then the hop."""
    joined = np.concatenate([tail, block])
    return np.lib.stride_tricks.sliding_window_view(joined, _CONTEXT + HOP)[::HOP]


def _worth_hearing(block: Samples) -> NDArray[np.bool_]:
    """False within stretches of at least twelve hops that stay at the noise floor of the block."""
    found = levels(block)
    loud = found > max(float(np.percentile(found, 10)) + _ABOVE_FLOOR_DB, -80.0)
    near = np.convolve(loud, np.ones(_QUIET_RUN + 1), mode="same") > 0.5
    # A block without any variation has no floor to speak of.
    return near if near.any() or float(found.max()) < -80.0 else np.ones(len(found), np.bool_)


def _strips(chosen: list[NDArray[np.int64]]) -> list[_Strip]:
    """Cut the hops of each track into strips of about equal length, each but the first with a warm-up before it."""
    total = sum(len(hops) for hops in chosen)
    wanted = max(_STRIP_HOPS, -(-total // _STRIPS_MAX))
    strips: list[_Strip] = []
    for track, hops in enumerate(chosen):
        count = max(1, round(len(hops) / wanted)) if len(hops) else 0
        borders = [len(hops) * k // count for k in range(count + 1)] if count else []
        for k in range(count):
            begin = max(0, borders[k] - _WARM_UP_HOPS) if k else 0
            part = hops[begin : borders[k + 1]]
            strips.append(_Strip(track, part, borders[k] - begin, k == 0, k == count - 1))
    return strips


@cache
def detector() -> Detector:
    """The one of this process."""
    return Detector()
