"""Reads the first bytes of a file for what the decoder does not say: is it text, and how much sound was promised.

Pure functions over bytes. Nothing here decides how long the sound is; only decoding does.
"""

from __future__ import annotations

import struct

HEAD_BYTES = 1 << 16
OPEN_ENDED = 0x7FFF_0000
"""Data sizes from here on are what writers leave that could not seek back; they promise nothing."""

FORMS = {b"RIFF": b"WAVE", b"RIFX": b"WAVE", b"RF64": b"WAVE", b"BW64": b"WAVE", b"FORM": b"AIF"}
MAGICS = (
    b"riff",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"caff",
    b".snd",
    b"wvpk",
    b"#!AMR",
    b"FLV",
    b"NIST_1A",
    b"\x1a\x45\xdf\xa3",
    b"\x30\x26\xb2\x75",
)


def is_audio(head: bytes) -> bool:
    """Whether a file that cannot be decoded says that it is sound or film: then it is broken, not something else."""
    form = FORMS.get(head[:4])
    if form is not None:
        return len(head) < 12 or head[8:12].startswith(form)
    return head.startswith(MAGICS) or head[4:8] in {b"ftyp", b"moov", b"mdat", b"styp"}


def is_text(head: bytes) -> bool:
    """Whether the first kilobyte reads as text (a web page, a playlist, an error message)."""
    try:
        first = head[:1024].decode()
    except UnicodeDecodeError as error:
        if error.start < 1021:
            return False
        # The cut has gone through a character of up to four bytes.
        first = head[: error.start].decode()
    return all(character.isprintable() or character in "\ufeff\t\r\n\f" for character in first)


def is_gsm(head: bytes) -> bool:
    """Whether bytes that FFmpeg takes for GSM 06.10 are: half-byte D begins each frame of 33 bytes, and only that.

    Headerless A-law is full of such bytes, because D5 is its silence.
    """
    return sum(byte >> 4 == 0xD for byte in head) < len(head) / 4


def counted_frames(head: bytes) -> int | None:
    """How many frames an MP3 has by its own count, in a Xing, Info or VBRI frame at its start; None without one."""
    start = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        # ID3v2.4 §3.1: four bytes of seven bits each, without the ten bytes of the header itself.
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    first = head[start : start + 4096]
    for tag, at in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        found = first.find(tag)
        if found < 0 or len(first) < found + at + 4:
            continue
        # The first of the flags of Xing and Info says that the count is there; VBRI always has it.
        if tag == b"VBRI" or first[found + 7] & 1:
            return int.from_bytes(first[found + at : found + at + 4], "big")
    return None


def missing_bytes(head: bytes, size: int) -> int:
    """How many bytes of samples a RIFF header promises beyond a file of `size` bytes; 0 when it does not say."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0
    at = 12
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            return max(0, at + length - size) if length < OPEN_ENDED else 0
        at += length + length % 2
    return 0
