"""Tokens to words: reads `tokenizer.bin` and puts pieces together. Knows nothing of sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_SPECIAL = 3
_SPACE = "▁".encode()


@dataclass(frozen=True, slots=True)
class Spelled:
    """A word as written, and its tokens `first` up to `last` (exclusive)."""

    text: str
    first: int
    last: int


def read(path: Path) -> tuple[bytes, ...]:
    """The bytes of each token. A length byte stands before them, or two from 128 on: low seven bits, then times 128."""
    content = path.read_bytes()
    pieces = []
    at = 0
    while at < len(content):
        length = content[at]
        at += 1
        if length >= 128:
            length += content[at] * 128 - 128
            at += 1
        pieces.append(_unescaped(content[at : at + length]))
        at += length
    return tuple(pieces)


def spell(tokens: Sequence[int], pieces: Sequence[bytes]) -> list[Spelled]:
    """The words in order. A token that begins with a space, or the first one, begins a word."""
    starts = [index for index, token in enumerate(tokens) if not index or _piece(token, pieces).startswith(_SPACE)]
    words = []
    for first, last in pairwise([*starts, len(tokens)]):
        written = b"".join(_piece(token, pieces) for token in tokens[first:last]).replace(_SPACE, b" ")
        text = written.decode("utf-8", "replace").strip()
        if text:
            words.append(Spelled(text, first, last))
    return words


def _piece(token: int, pieces: Sequence[bytes]) -> bytes:
    return pieces[token] if _SPECIAL <= token < len(pieces) else b""


def _unescaped(piece: bytes) -> bytes:
    """`<0x41>` is the byte A; other pieces in angle brackets are marks that are not written."""
    if not (piece.startswith(b"<") and piece.endswith(b">") and len(piece) > 2):
        return piece
    return bytes.fromhex(piece[3:5].decode()) if piece[1:3] == b"0x" and len(piece) == 6 else b""
