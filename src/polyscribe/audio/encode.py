"""Decoded sound as a file again: WAV by hand, MP3 by PyAV. What is encoded is our own samples, never foreign bytes."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscribe.ports import SAMPLE_RATE_HZ

Frames = NDArray[np.int16]
"""Frames at SAMPLE_RATE_HZ, shape (n, channels)."""

MP3_BITS_PER_S_AND_CHANNEL = 32_000


def mixed(blocks: Iterable[Frames]) -> Iterable[Frames]:
    """The channels of each block as one."""
    for block in blocks:
        yield np.rint(block.astype(np.float32).mean(axis=1, keepdims=True)).astype(np.int16)


def write_wav(path: Path, blocks: Iterable[Frames], channels: int) -> None:
    """Signed 16-bit PCM. A WAV file holds at most 4 GiB, which is more than a day of two channels."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        for block in blocks:
            file.writeframesraw(np.ascontiguousarray(block, dtype="<i2").tobytes())


def write_mp3(path: Path, blocks: Iterable[Frames], channels: int) -> None:
    """32 kbit/s for each channel, as Twilio's own MP3 files have."""
    import av

    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, layout=layout)
        stream.bit_rate = MP3_BITS_PER_S_AND_CHANNEL * channels
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout=layout)
            frame.rate = SAMPLE_RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
