"""Speech for benchmarks: the sample call that the package ships, repeated to any length."""

from __future__ import annotations

import wave
from importlib.resources import as_file, files
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000


def sample_call() -> NDArray[np.int16]:
    """The two-channel sample call at 8 kHz, shape (n, 2)."""
    with as_file(files("polyscribe.samples").joinpath("call.flac")) as path, av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE_HZ)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])


def repeated(minutes: float, channels: int = 2) -> tuple[NDArray[np.int16], int]:
    """One period of the call and how often it is to be said for about that long; mono is the mix."""
    call = sample_call()
    if channels == 1:
        call = (call.astype(np.int32).sum(axis=1) // 2).astype(np.int16)[:, None]
    return call, max(1, round(minutes * 60 * RATE_HZ / len(call)))


def long_wav(path: Path, minutes: float, channels: int = 2) -> float:
    """Write it as 16-bit PCM; its length in seconds."""
    call, times = repeated(minutes, channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        for _ in range(times):
            file.writeframes(call.astype("<i2").tobytes())
    return len(call) * times / RATE_HZ


def encoded(path: Path, minutes: float, codec: str, container: str, channels: int = 2, **options: str) -> float:
    """Write it with an encoder of PyAV (`libmp3lame`, `aac`, `libopus`); its length in seconds."""
    call, times = repeated(minutes, channels)
    layout = "stereo" if channels == 2 else "mono"
    rate_hz = 48_000 if codec == "libopus" else RATE_HZ if codec != "aac" else 16_000
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout, options=options)
        resampler = av.AudioResampler(
            format=stream.format.name, layout=layout, rate=rate_hz, frame_size=stream.frame_size
        )
        at = 0
        for _ in range(times):
            for start in range(0, len(call), RATE_HZ):
                part = np.ascontiguousarray(call[start : start + RATE_HZ].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
                frame.sample_rate, frame.pts = RATE_HZ, at
                at += frame.samples
                for piece in resampler.resample(frame):
                    output.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return len(call) * times / RATE_HZ
