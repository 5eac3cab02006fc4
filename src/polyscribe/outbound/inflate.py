"""Undoing compression that we did not ask for, in small pieces, so that a bomb is seen while it unfolds."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from polyscribe.domain.errors import FetchFailed, FetchFault

_PIECE_BYTES = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
PLAIN = frozenset({"", "identity"})
_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})


def inflated(pieces: Iterable[bytes], coding: str, max_bytes: int) -> Iterator[bytes]:
    """The bytes before a Content-Encoding (lower case), at most 64 KiB at a time.

    Raises:
        FetchFailed: REFUSED: a coding that we do not undo, or not what it says; UNAVAILABLE: it ends too early;
            TOO_LARGE: more than `max_bytes` before unpacking (what unpacks to nothing could go on for ever).
    """
    if coding in PLAIN:
        yield from pieces
        return
    if coding not in _INFLATED:
        raise FetchFailed(FetchFault.REFUSED, "The content is compressed in a way that is not supported.")
    state = zlib.decompressobj(_GZIP_OR_ZLIB)
    packed_bytes = 0
    for piece in pieces:
        packed_bytes += len(piece)
        if packed_bytes > max_bytes:
            raise FetchFailed(FetchFault.TOO_LARGE, f"The content is larger than {max_bytes} bytes.")
        rest = piece
        while rest:
            if state.eof:
                state = zlib.decompressobj(_GZIP_OR_ZLIB)  # gzip may be several members, one behind the other
            try:
                yield state.decompress(rest, _PIECE_BYTES)
            except zlib.error:
                raise FetchFailed(FetchFault.REFUSED, "The content cannot be decompressed.") from None
            rest = state.unused_data if state.eof else state.unconsumed_tail
    if not state.eof:
        raise FetchFailed(FetchFault.UNAVAILABLE, "The compressed content ends too early.")
