"""Blobs as files of one folder. Plain files, because the library for remote stores does not wait for the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from polyscribe.domain.errors import NotFound, StoreFailed
from polyscribe.storage.blob_keys import checked

PIECE_BYTES = 1 << 20
UNFINISHED = ".unfinished"
"""No key begins with a dot, so that what is half written is never found."""


class LocalBlobs:
    """`ports.BlobStore` in a folder. A blob is there whole or not at all, also after a power cut."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_file(self, key: str, path: Path) -> None:
        """Raises StoreFailed (the disk is full, say); FileNotFoundError if there is no file at `path`."""
        with path.open("rb") as source:
            self._put(key, lambda target: shutil.copyfileobj(source, target, PIECE_BYTES))

    def put(self, key: str, data: bytes) -> None:
        """Raises StoreFailed."""
        self._put(key, lambda target: target.write(data))

    def get_file(self, key: str, path: Path) -> None:
        with _translated(), self._path(key).open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, PIECE_BYTES)

    def size(self, key: str) -> int:
        with _translated():
            return self._path(key).stat().st_size

    async def read(self, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        with _translated():
            source = await asyncio.to_thread(self._path(key).open, "rb")
            try:
                await asyncio.to_thread(source.seek, start)
                left = stop - start
                while left > 0 and (piece := await asyncio.to_thread(source.read, min(left, PIECE_BYTES))):
                    left -= len(piece)
                    yield piece
            finally:
                source.close()

    def delete(self, key: str) -> None:
        with _translated():
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _put(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        place = self._path(key)
        with _translated():
            place.parent.mkdir(parents=True, exist_ok=True)
            file, name = tempfile.mkstemp(prefix=UNFINISHED, dir=place.parent)
            try:
                with os.fdopen(file, "wb") as target:
                    fill(target)
                    target.flush()
                    os.fsync(target.fileno())
                Path(name).replace(place)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # where a folder cannot be opened
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("There is no such blob.") from error
    except OSError as error:
        raise StoreFailed("The blob store did not answer.") from error
