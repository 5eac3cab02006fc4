from __future__ import annotations

import struct

import numpy as np
import pytest

from audio.sounds import encoded, tone, wav
from polyscribe.audio import headers


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\0\0\0\0WAVEfmt ",
        b"FORM\0\0\0\0AIFC",
        b"fLaC\0",
        b"OggS\0",
        b"\0\0\0\x20ftypM4A ",
        b"\x1a\x45\xdf\xa3\x01",
        b"#!AMR\n<",
        b"RIFF\0\0",
    ],
)
def test_what_begins_like_sound_is_sound_though_broken(head: bytes) -> None:
    assert headers.is_audio(head)


@pytest.mark.parametrize("head", [b"RIFF\0\0\0\0AVI LIST", b"PK\x03\x04", b"%PDF-1.7", b"<html>", b"", b"\x89PNG"])
def test_what_begins_like_something_else_is_not_sound(head: bytes) -> None:
    assert not headers.is_audio(head)


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html>\n",
        b"#EXTM3U\nhttp://a\n",
        "\ufeffGrüße\r\n".encode(),
        ("ü" * 700).encode(),
        ("aü" * 700).encode(),
    ],
)
def test_text_is_seen(head: bytes) -> None:
    assert headers.is_text(head)


@pytest.mark.parametrize("head", [b"\x00\x01abc", b"\xff\xfb\x90\x64", b"abc\x01def", b"\xd5" * 100])
def test_bytes_are_not_text(head: bytes) -> None:
    assert not headers.is_text(head)


def test_gsm_is_told_from_silent_a_law() -> None:
    rng = np.random.default_rng(2)
    frames = b"".join(b"\xd3" + rng.bytes(32) for _ in range(100))

    assert headers.is_gsm(frames)
    assert not headers.is_gsm(b"\xd5" * 3300)
    assert not headers.is_gsm(bytes(rng.choice([0xD5, 0xD4, 0x55, 0x54], 3300).tolist()))


def test_an_mp3_with_a_frame_count_is_told_from_one_without() -> None:
    sound = tone(16_000, 0.5)
    counted = encoded(sound, 16_000, "mp3", "libmp3lame")
    guessed = encoded(sound, 16_000, "mp3", "libmp3lame", container_options={"write_xing": "0"})

    assert headers.counted_frames(counted) == pytest.approx(0.5 * 16_000 / 576, abs=3)
    assert headers.counted_frames(b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + counted) == headers.counted_frames(counted)
    assert headers.counted_frames(guessed) is None
    assert headers.counted_frames(counted[: counted.index(b"Info") + 6]) is None


def test_the_other_count_of_frames_is_read() -> None:
    head = b"\xff\xfb\x90\x64" + bytes(32) + b"VBRI" + bytes(10) + (1234).to_bytes(4, "big")

    assert headers.counted_frames(head) == 1234


def test_a_count_that_is_flagged_absent_is_none() -> None:
    assert headers.counted_frames(b"\xff\xfb\x90\x64" + bytes(32) + b"Xing" + bytes(4) + b"\0\0\x04\xd2") is None


def test_a_wave_file_tells_how_much_is_missing() -> None:
    whole = wav(tone(8000, 1.0), 8000)

    assert headers.missing_bytes(whole, len(whole)) == 0
    assert headers.missing_bytes(whole[:8044], 8044) == 8000


def test_chunks_before_the_samples_are_skipped() -> None:
    whole = wav(tone(8000, 1.0), 8000)
    odd = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    content = whole[:36] + odd + whole[36:]

    assert headers.missing_bytes(content[:-100], len(content) - 100) == 100


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0])
def test_a_size_that_was_never_filled_in_promises_nothing(size: int) -> None:
    content = wav(tone(8000, 1.0), 8000, data_size=size)

    assert headers.missing_bytes(content, len(content)) == 0


def test_other_files_promise_nothing() -> None:
    assert headers.missing_bytes(b"OggS" + bytes(100), 104) == 0
    assert headers.missing_bytes(b"", 0) == 0
