"""Tokens become words as they are written."""

from __future__ import annotations

from pathlib import Path

from polyscribe.engines.moonshine.vocabulary import Spelled, read, spell

PIECES = (
    b"<unk>",
    b"<s>",
    b"</s>",
    "▁Hello".encode(),
    b",",
    "▁wor".encode(),
    b"ld",
    "é".encode()[:1],
    "é".encode()[1:],
)


def test_pieces_are_joined_and_split_at_spaces() -> None:
    assert spell([3, 4, 5, 6], PIECES) == [Spelled("Hello,", 0, 2), Spelled("world", 2, 4)]


def test_bytes_of_one_letter_may_come_in_two_tokens() -> None:
    assert spell([5, 7, 8], PIECES) == [Spelled("woré", 0, 3)]


def test_marks_and_unknown_tokens_are_not_written() -> None:
    assert spell([1, 3, 99_999], PIECES) == [Spelled("Hello", 1, 3)]
    assert spell([1], PIECES) == []
    assert spell([], PIECES) == []


def test_lengths_of_one_and_two_bytes_are_read(tmp_path: Path) -> None:
    long = b"x" * 300
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(b"\x02ab" + bytes([128 + 300 % 128, 300 // 128]) + long + b"\x00" + b"\x06<0x41>" + b"\x03<s>")

    assert read(path) == (b"ab", long, b"", b"A", b"")
