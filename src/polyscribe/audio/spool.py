"""Decoded sound on disk: written once from front to back, then read anywhere by any number of processes.

A spool appears under its name only when it is whole; what a killed process leaves has another name and no valid
header. Knows nothing of files, codecs or what becomes of the sound.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polyscribe.domain.errors import StoreFailed
from polyscribe.ports import SAMPLE_RATE_HZ, Samples

HEADER = struct.Struct("<8sIIQ")
"""Mark, rate in Hz, channels, frames; a CRC-32 of these follows. Then interleaved signed 16-bit samples."""

CHECK = struct.Struct("<I")
MARK = b"PSSOUND1"
DATA_AT = 64
FULL_SCALE = np.float32(1 / 32768)


class SpoolWriter:
    """Writes a spool; leaving the block puts it in place, leaving it with an exception leaves nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.channels = 0
        self.length = 0

    def __enter__(self) -> Self:
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f"{self._path.name}.", suffix=".part")
        self._part = Path(name)
        self._file = os.fdopen(descriptor, "wb", buffering=1 << 16)
        self._file.write(bytes(DATA_AT))
        return self

    def append(self, frames: NDArray[np.int16]) -> None:
        """More frames at SAMPLE_RATE_HZ, shape (n, channels) or (n,); all appends have the same channels."""
        channels = 1 if frames.ndim == 1 else frames.shape[1]
        if self.length == 0:
            self.channels = channels
        if channels != self.channels:
            raise ValueError(f"{channels} channels after {self.channels}")
        self._file.write(np.ascontiguousarray(frames, dtype="<i2").data)
        self.length += len(frames)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._finish()
        if kind is None:
            self._part.replace(self._path)
            _sync_folder(self._path.parent)
        else:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        """The samples are on the disk before the header says so, and both before the name does."""
        self._file.flush()
        header = HEADER.pack(MARK, SAMPLE_RATE_HZ, self.channels or 1, self.length)
        self._file.seek(0)
        self._file.write(header + CHECK.pack(zlib.crc32(header)))
        self._file.flush()
        os.fsync(self._file.fileno())


class SpoolReader:
    """A whole spool as `ports.Sound`. Reads by position, so threads may share it and memory stays flat."""

    def __init__(self, path: Path) -> None:
        """Open the spool at `path`.

        Raises:
            StoreFailed: it is not there or not whole.
        """
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError as error:
            raise StoreFailed("The decoded sound is not there.") from error
        try:
            self.channels, self.length = _measure(self._descriptor)
        except StoreFailed:
            os.close(self._descriptor)
            raise

    def read(self, channel: int, start: int, stop: int) -> Samples:
        """Samples `start` up to `stop` of one channel, −1 … 1; positions outside the sound are cut off."""
        if not 0 <= channel < self.channels:
            raise IndexError(f"channel {channel} of {self.channels}")
        start = min(max(start, 0), self.length)
        stop = min(max(stop, start), self.length)
        width = 2 * self.channels
        content = bytearray((stop - start) * width)
        view, filled = memoryview(content), 0
        while filled < len(content):
            count = os.preadv(self._descriptor, [view[filled:]], DATA_AT + start * width + filled)
            if not count:
                raise StoreFailed("The decoded sound was cut off.")
            filled += count
        frames = np.frombuffer(content, dtype="<i2").reshape(-1, self.channels)
        samples: Samples = np.multiply(frames[:, channel], FULL_SCALE, dtype=np.float32)
        return samples

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _measure(descriptor: int) -> tuple[int, int]:
    """Channels and frames by the header, if the file bears it out."""
    head = os.pread(descriptor, HEADER.size + CHECK.size, 0)
    if len(head) == HEADER.size + CHECK.size:
        mark, rate_hz, channels, length = HEADER.unpack_from(head)
        (check,) = CHECK.unpack_from(head, HEADER.size)
        is_ours = mark == MARK and rate_hz == SAMPLE_RATE_HZ and check == zlib.crc32(head[: HEADER.size])
        if is_ours and os.fstat(descriptor).st_size == DATA_AT + length * channels * 2:
            return channels, length
    raise StoreFailed("The decoded sound is damaged.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
