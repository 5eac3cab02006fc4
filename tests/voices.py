"""Human voices from the wheel that carries the models, and a sound in memory."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from polyscribe.ports import SAMPLE_RATE_HZ, Samples


@dataclass
class Memory:
    """A sound of one channel in memory that notes how much was read at once."""

    samples: Samples
    channels: int = 1
    longest_read: int = 0

    @property
    def length(self) -> int:
        return len(self.samples)

    def read(self, channel: int, start: int, stop: int) -> Samples:
        part = self.samples[max(start, 0) : max(stop, 0)]
        self.longest_read = max(self.longest_read, len(part))
        return part


def spoken(name: str, start_s: float, stop_s: float) -> Samples:
    """A stretch of one of the wheel's sample files as mono; the test is skipped when they are not there."""
    spec = find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        pytest.skip("the wheel with the sample voices is not installed")
    with wave.open(str(Path(spec.origin).parent / "assets" / name)) as file:
        rate_hz = file.getframerate()
        file.setpos(int(start_s * rate_hz))
        frames = file.readframes(int((stop_s - start_s) * rate_hz))
        values = np.frombuffer(frames, "<i2").reshape(-1, file.getnchannels()).mean(axis=1) / 32_768
    instants = np.arange(int(len(values) * SAMPLE_RATE_HZ / rate_hz)) * rate_hz / SAMPLE_RATE_HZ
    return np.interp(instants, np.arange(len(values)), values).astype(np.float32)
