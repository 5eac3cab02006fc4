"""Turns a file into 16 kHz samples, block by block, in a confined process; memory does not grow with length.

The limits are held while decoding: what a header says is never believed. Knows files, not where they came from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio import sandbox
from polyscribe.audio.probe import GRACE_MS, Source, check, measure, read_json, read_source, too_long
from polyscribe.domain.errors import SourceFailed, SourceFault
from polyscribe.domain.transcription import Limits
from polyscribe.ports import SAMPLE_RATE_HZ
from polyscribe.telemetry import emit

Block = NDArray[np.int16]
"""Interleaved frames at SAMPLE_RATE_HZ, shape (n, channels)."""

FRAMES_PER_MS = SAMPLE_RATE_HZ // 1000
MISSING_MS = 250
"""A header may be off by a codec's padding; from here on sound is missing."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A stretch that is in the file but could not be decoded; it is silent in the samples."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What came out. `missing_ms`: how much more the header promised (a truncated file)."""

    frames: int
    lost: tuple[Lost, ...]
    missing_ms: int

    @property
    def duration_ms(self) -> int:
        """The decoded length, rounded up so that no frame lies outside."""
        return -(-self.frames // FRAMES_PER_MS)


class Decoding:
    """A decode under way: iterate once over the blocks, then read the summary."""

    def __init__(self, child: sandbox.Child, size_bytes: int, limits: Limits) -> None:
        self._messages = child.messages()
        self._limits = limits
        self._summary: Summary | None = None
        self._frames = 0
        kind, payload = next(self._messages, (b"", bytearray()))
        self.source: Source = read_source(kind, payload)
        check(self.source, size_bytes, limits)

    @property
    def summary(self) -> Summary:
        """Known after the last block."""
        if self._summary is None:
            raise ValueError("the summary is known after the last block")
        return self._summary

    def __iter__(self) -> Iterator[Block]:
        most = (self._limits.max_ms + GRACE_MS) * FRAMES_PER_MS
        told: dict[str, Any] | None = None
        for kind, payload in self._messages:
            if kind == b"F":
                read_source(kind, payload)
            if kind == b"E":
                told = read_json(payload)
            elif kind == b"B":
                block = _block(payload, self.source.channels)
                self._frames += len(block)
                if self._frames > most:
                    raise too_long(self._limits)
                yield block
        if told is None or told.get("frames") != self._frames:
            raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.")
        self._summary = self._summarise(told)

    def _summarise(self, told: dict[str, Any]) -> Summary:
        if self._frames == 0:
            raise SourceFailed(SourceFault.NO_AUDIO, "The file has no sound in it.")
        missing = (self.source.claimed_ms or 0) - self._frames // FRAMES_PER_MS
        is_missing = missing > MISSING_MS and missing > (self.source.claimed_ms or 0) // 200
        return Summary(
            frames=self._frames,
            lost=_lost(told.get("lost"), self._frames),
            missing_ms=missing if is_missing else 0,
        )


def _block(payload: bytearray, channels: int) -> Block:
    if len(payload) % (2 * channels):
        raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.")
    return np.frombuffer(payload, dtype="<i2").reshape(-1, channels)


def _lost(told: Any, frames: int) -> tuple[Lost, ...]:
    """The stretches in whole milliseconds, in order and apart from each other."""
    lost: list[Lost] = []
    try:
        for start, stop, reason in told:
            start_ms = max(int(start) // FRAMES_PER_MS, lost[-1].end_ms if lost else 0)
            end_ms = -(-min(int(stop), frames) // FRAMES_PER_MS)
            if start_ms < end_ms:
                lost.append(Lost(start_ms, end_ms, str(reason)[:40]))
    except (TypeError, ValueError) as error:
        raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.") from error
    return tuple(lost)


def allowance_for(max_ms: int) -> sandbox.Allowance:
    """Ten times what the dearest codec needs for the longest sound that is allowed."""
    return sandbox.Allowance(cpu_s=30 + max_ms // 70_000, wall_s=120.0 + max_ms / 10_000)


@contextmanager
def decode(
    path: Path,
    *,
    max_ms: int,
    min_rate_hz: int = 8000,
    formats: frozenset[str] | None = None,
    max_bytes: int = sys.maxsize,
    allowance: sandbox.Allowance | None = None,
) -> Iterator[Decoding]:
    """Decode the file at `path`. Its process is gone when the block is left.

    `formats` are names of `probe.FORMATS`; None allows all.

    Raises:
        SourceFailed: it is not sound that we can or may decode; also while iterating.
        EngineFailed: the decoder's process was stopped from outside; trying again can help.
    """
    limits = Limits(max_bytes=max_bytes, max_ms=max_ms, min_rate_hz=min_rate_hz, formats=formats)
    with path.open("rb", buffering=0) as file:
        size = measure(file.fileno(), limits)
        allowed = allowance or allowance_for(max_ms)
        with sandbox.run("polyscribe.audio.libav:decode", {}, file.fileno(), allowed) as child:
            yield Decoding(child, size, limits)
        if child.ending is not None:
            emit("decoded", cpu_s=child.ending.cpu_s, peak_kb=child.ending.peak_kb, size_bytes=size)
