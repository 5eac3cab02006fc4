"""Damages files at random but repeatably: flipped, cut, repeated, overwritten bytes and absurd numbers."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

from audio.sounds import bursts, encoded

ENCODINGS: dict[str, dict[str, Any]] = {
    "pcm": {"container": "wav", "codec": "pcm_s16le"},
    "mulaw": {"container": "wav", "codec": "pcm_mulaw"},
    "adpcm": {"container": "wav", "codec": "adpcm_ima_wav"},
    "w64": {"container": "w64", "codec": "pcm_s16le"},
    "aiff": {"container": "aiff", "codec": "pcm_s16be"},
    "caf": {"container": "caf", "codec": "alac"},
    "mp3": {"container": "mp3", "codec": "libmp3lame"},
    "flac": {"container": "flac", "codec": "flac"},
    "opus": {"container": "ogg", "codec": "libopus", "encode_hz": 48_000},
    "webm": {"container": "webm", "codec": "libopus", "encode_hz": 48_000},
    "m4a": {"container": "ipod", "codec": "aac"},
    "film": {"container": "mp4", "codec": "aac", "picture": True},
    "adts": {"container": "adts", "codec": "aac"},
    "amr": {"container": "amr", "codec": "libopencore_amrnb", "encode_hz": 8000, "bit_rate": 12_200},
    "ts": {"container": "mpegts", "codec": "aac"},
    "flv": {"container": "flv", "codec": "aac", "encode_hz": 44_100},
    "ac3": {"container": "ac3", "codec": "ac3", "encode_hz": 48_000},
    "wavpack": {"container": "wv", "codec": "wavpack"},
}
LENGTH_S = 3.0


def originals() -> dict[str, bytes]:
    """Three seconds of sound in every encoding."""
    sound = bursts(16_000, LENGTH_S, [0.2, 1.1, 2.5])
    return {name: encoded(sound, 16_000, **given) for name, given in ENCODINGS.items()}


def damaged(files: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged copies, taking the files in turn."""
    rng = random.Random(seed)
    names = list(files)
    for index in range(count):
        name = names[index % len(names)]
        content = bytearray(files[name])
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if content:
                rng.choice(DAMAGES)(content, rng)
        yield f"{name}-{index}", bytes(content)


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 10, 50))):
        content[rng.randrange(len(content))] = rng.randrange(256)


def _flip_header(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 4, 16))):
        content[rng.randrange(min(200, len(content)))] = rng.choice((0, 255, 127, 128, rng.randrange(256)))


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def _remove(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    del content[start : start + rng.randrange(8000)]


def _repeat(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    content[start:start] = content[start : start + rng.randrange(8000)]


def _scramble(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    stop = min(len(content), start + rng.randrange(4000))
    content[start:stop] = rng.randbytes(stop - start)


def _lie(content: bytearray, rng: random.Random) -> None:
    value = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0))
    within = rng.choice((200, len(content)))
    start = rng.randrange(max(1, min(within, len(content)) - 4))
    content[start : start + 4] = struct.pack(rng.choice("<>") + "I", value)


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _flip_header,
    _cut,
    _remove,
    _repeat,
    _scramble,
    _lie,
)
