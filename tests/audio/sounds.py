"""Sound for tests, made here: bursts of a tone at known times, in any encoding that PyAV can write."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BURST_S = 0.05
TONE_HZ = 800

Frames = NDArray[np.int16]
"""Shape (n, channels)."""


def bursts(rate_hz: int, length_s: float, at_s: Iterable[float], channels: int = 1, level: float = 0.5) -> Frames:
    """Silence with a burst of a tone at each of the times, in all channels."""
    sound = np.zeros((round(rate_hz * length_s), channels), np.int16)
    burst = np.sin(2 * np.pi * TONE_HZ * np.arange(round(rate_hz * BURST_S)) / rate_hz) * 32767 * level
    for start_s in at_s:
        start = round(start_s * rate_hz)
        part = sound[start : start + len(burst)]
        part[:] = burst[: len(part), None].astype(np.int16)
    return sound


def tone(rate_hz: int, length_s: float, channels: int = 1, level: float = 0.3) -> Frames:
    """A tone without pause, another one in each channel."""
    at = np.arange(round(rate_hz * length_s))[:, None] / rate_hz
    return (np.sin(2 * np.pi * (440 + 220 * np.arange(channels)) * at) * 32767 * level).astype(np.int16)


def onsets(samples: NDArray[np.float32] | Frames, rate_hz: int = 16_000) -> list[float]:
    """The seconds at which bursts begin in one channel, to about 2 ms."""
    loud = np.abs(samples.astype(np.float64))
    step = rate_hz // 1000
    windows = loud[: len(loud) // step * step].reshape(-1, step).max(axis=1)
    above = windows > windows.max() * 0.3
    found: list[float] = []
    for index in np.flatnonzero(above):
        if not found or index / 1000 - found[-1] > 2 * BURST_S:
            found.append(float(index) / 1000)
    return found


def encoded(
    sound: Frames,
    rate_hz: int,
    container: str,
    codec: str,
    *,
    encode_hz: int | None = None,
    bit_rate: int | None = None,
    codec_options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    seekable: bool = True,
    picture: bool = False,
) -> bytes:
    """The sound in a file. Not `seekable`: as a live writer leaves it, that cannot go back to fill in lengths."""
    file = io.BytesIO()
    target: Any = file if seekable else _Pipe(file)
    options = dict(container_options or {})
    with av.open(target, "w", format=container, options=options) as output:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[sound.shape[1]]
        stream: Any = output.add_stream(codec, rate=encode_hz or rate_hz, options=dict(codec_options or {}))
        stream.layout = layout
        if bit_rate:
            stream.bit_rate = bit_rate
        video: Any = output.add_stream("mpeg4", rate=5, width=64, height=64) if picture else None
        block = rate_hz
        for start in range(0, len(sound), block):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[start : start + block]).reshape(1, -1), format="s16", layout=layout
            )
            frame.sample_rate = rate_hz
            frame.pts = start
            frame.time_base = Fraction(1, rate_hz)
            output.mux(stream.encode(frame))
            if video:
                for _ in range(5):
                    output.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))
        if video:
            output.mux(video.encode(None))
    return file.getvalue()


class _Pipe:
    """A file that can only be written forwards."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)


def wav(
    sound: Frames, rate_hz: int, *, data_size: int | None = None, tag: int = 1, channels: int | None = None
) -> bytes:
    """A plain 16-bit WAV, byte by byte, so that its header can lie."""
    content = sound.astype("<i2").tobytes()
    channels = sound.shape[1] if channels is None else channels
    size = len(content) if data_size is None else data_size
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * channels * 2 & 0xFFFFFFFF, channels * 2, 16)
    riff = min(0xFFFFFFFF, size + 36)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
        + content
    )


def extensible(sound: Frames, rate_hz: int, mask: int) -> bytes:
    """A WAVE_FORMAT_EXTENSIBLE file whose channels are given to loudspeakers by a mask."""
    content = sound.astype("<i2").tobytes()
    channels = sound.shape[1]
    form = struct.pack("<HHIIHH", 0xFFFE, channels, rate_hz, rate_hz * channels * 2, channels * 2, 16)
    form += struct.pack("<HHI", 22, 16, mask) + bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
