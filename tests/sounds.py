"""Sound for tests, made here or taken from the sample that the package ships; and where shared material lies."""

from __future__ import annotations

import os
import wave
from importlib.resources import as_file, files
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent


def shared(*parts: str) -> Path:
    """A path in the shared material, which is not part of the project; the test is skipped without it."""
    base = Path(os.environ.get("POLYSCRIBE_SHARED", ROOT.parent / "shared"))
    path = base.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the shared material ({'/'.join(parts)})")
    return path


def tone(seconds: float, rate_hz: int = 16_000, hz: float = 440.0, level: float = 0.3) -> NDArray[np.int16]:
    """A sine; no speech in it."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(np.sin(2 * np.pi * hz * at) * level * 32767, dtype=np.int16)


def write_wav(path: Path, frames: NDArray[np.int16], rate_hz: int = 16_000) -> Path:
    """Frames of shape (n,) or (n, channels) as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if frames.ndim == 1 else frames.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.ascontiguousarray(frames, dtype="<i2").tobytes())
    return path


def sample_call(path: Path) -> Path:
    """The call that the package ships, as a two-channel WAV of 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with as_file(files("polyscribe.samples").joinpath("call.flac")) as sample, av.open(str(sample)) as container:
        frames = [frame.to_ndarray().reshape(-1, 2) for frame in container.decode(audio=0)]
    return write_wav(path, np.concatenate(frames), 8000)


def repeated(source: Path, times: int, path: Path) -> Path:
    """A WAV file said several times over."""
    with wave.open(str(source)) as original, wave.open(str(path), "wb") as file:
        file.setparams(original.getparams())
        frames = original.readframes(original.getnframes())
        for _ in range(times):
            file.writeframes(frames)
    return path
