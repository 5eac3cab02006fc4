"""Blobs in a bucket of an S3 service. Credentials and endpoint come from the AWS environment variables."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from polyscribe.domain.errors import NotFound, StoreFailed
from polyscribe.storage.blob_keys import checked

PIECE_BYTES = 1 << 20
REQUEST_BYTES = 32 << 20
REQUEST_S = 300
"""The library's time limit holds for a whole request with its body: long blobs are asked for in parts."""

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class S3Blobs:
    """`ports.BlobStore` under `s3://bucket/prefix`. The service makes each blob appear whole or not at all."""

    def __init__(self, url: str, *, patience_s: float = 60.0) -> None:
        """`patience_s` is how long a request that failed is tried again."""
        endpoint = next((os.environ[name] for name in ENDPOINTS if name in os.environ), "")
        self._store = S3Store.from_url(
            url,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": f"{REQUEST_S}s"},
            retry_config={"retry_timeout": timedelta(seconds=patience_s)},
        )

    def put_file(self, key: str, path: Path) -> None:
        """In parts, several at a time. Raises StoreFailed; FileNotFoundError if there is no file at `path`."""
        with path.open("rb") as source, _translated():
            self._store.put(checked(key), source)

    def put(self, key: str, data: bytes) -> None:
        """Raises StoreFailed."""
        with _translated():
            self._store.put(checked(key), data)

    def get_file(self, key: str, path: Path) -> None:
        size = self.size(key)
        with _translated(), path.open("wb") as target:
            for at in range(0, size, REQUEST_BYTES):
                part = self._store.get(key, options={"range": (at, min(at + REQUEST_BYTES, size))})
                for chunk in part.stream(min_chunk_size=PIECE_BYTES):
                    target.write(chunk)

    def size(self, key: str) -> int:
        with _translated():
            return self._store.head(checked(key))["size"]

    async def read(self, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        with _translated():
            size = (await self._store.head_async(checked(key)))["size"]
            # S3 has no empty range, and answers one beyond the end with an error.
            stop = min(stop, size)
            for at in range(start, stop, REQUEST_BYTES):
                part = await self._store.get_async(key, options={"range": (at, min(at + REQUEST_BYTES, stop))})
                async for chunk in part.stream(min_chunk_size=1):
                    data = memoryview(chunk)
                    for begin in range(0, len(data), PIECE_BYTES):
                        yield bytes(data[begin : begin + PIECE_BYTES])

    def delete(self, key: str) -> None:
        with _translated():
            self._store.delete(checked(key))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise NotFound("There is no such blob.") from error
    except (BaseError, OSError) as error:
        raise StoreFailed("The blob store did not answer.") from error
