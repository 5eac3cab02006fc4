"""Recordings for the benchmarks: where they lie, and their samples. Used by benchmarks only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from polyscribe.ports import Samples

SHARED = Path(os.environ.get("POLYSCRIBE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
REAL = SHARED / "audio" / "real"
MADE = SHARED / "audio" / "made"


@dataclass(frozen=True, slots=True)
class InMemory:
    """A `ports.Sound`, and the spool's `append` in one: frames (n, channels) in memory."""

    frames: NDArray[np.int16]

    @property
    def channels(self) -> int:
        return int(self.frames.shape[1])

    @property
    def length(self) -> int:
        return len(self.frames)

    def read(self, channel: int, start: int, stop: int) -> Samples:
        return self.frames[max(0, start) : max(0, stop), channel].astype(np.float32) / np.float32(32768)


def items(groups: set[str] | None = None) -> list[dict[str, Any]]:
    """Entries of the index that can be decoded, of the named groups or of all but `malformed`."""
    with (REAL / "INDEX.json").open(encoding="utf-8") as file:
        every = json.load(file)["items"]
    return [item for item in every if item["group"] != "malformed" and (groups is None or item["group"] in groups)]


def samples(path: Path) -> NDArray[np.int16]:
    """Frames (n, channels) at 16 kHz; more than two channels are mixed into one."""
    form = {"mulaw": "mulaw"} if path.suffix in {".ulaw", ".ul"} else {}
    with av.open(str(path), format=form.get("mulaw"), metadata_errors="replace") as container:
        frames = np.concatenate(list(_resampled(container)), axis=1)
    if len(frames) > 2:
        frames = frames.mean(axis=0, keepdims=True).astype(np.int16)
    return np.ascontiguousarray(frames.T)


def _resampled(container: Any) -> Iterator[NDArray[np.int16]]:
    resampler = av.AudioResampler(format="s16p", rate=16_000)
    try:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray()
    except av.error.FFmpegError:
        pass  # what came before a fault is what there is
    for part in resampler.resample(None):
        yield part.to_ndarray()
