"""Says what a file is and whether it may be transcribed at all, before the work begins.

What a header says serves early refusals only; how long the sound is, only `decode` knows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyscribe.audio import sandbox
from polyscribe.domain.errors import SourceFailed, SourceFault
from polyscribe.domain.transcription import Limits

MOST_CHANNELS = 2
MOST_RATE_HZ = 192_000
GRACE_MS = 250
"""What codecs add to the length of a sound: not a reason to call it too long."""

LEAST_BITS_PER_S = 200
"""No codec in use needs less; a header that claims so much length for so few bytes is not believed."""

FORMATS: Mapping[str, str] = {
    "wav": "wav",
    "w64": "wav",
    "aiff": "aiff",
    "au": "au",
    "caf": "caf",
    "mp3": "mp3",
    "flac": "flac",
    "ogg": "ogg",
    "matroska,webm": "webm",
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
    "aac": "aac",
    "ac3": "ac3",
    "eac3": "ac3",
    "amr": "amr",
    "amrnb": "amr",
    "amrwb": "amr",
    "gsm": "gsm",
    "asf": "wma",
    "flv": "flv",
    "mpegts": "ts",
    "wv": "wavpack",
    "nistsphere": "sph",
}
"""FFmpeg's container → our format name, the word that `Limits.formats` uses."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a file is. `claimed_ms` is the header's word: None when it has none or it would be a guess."""

    container: str
    codec: str
    rate_hz: int
    channels: int
    claimed_ms: int | None


def format_name(source: Source) -> str:
    """Our word for the file's format; Matroska counts as `webm`, and m4a and 3gp as `mp4`."""
    if source.container == "mp3" and source.codec != "mp3":
        return source.codec
    return FORMATS.get(source.container, source.container)


def probe(path: Path, limits: Limits, allowance: sandbox.Allowance | None = None) -> Source:
    """What the file is, from its header and first frame. `limits.min_ms` is not looked at: only decoding can tell.

    Raises:
        SourceFailed: it is not sound that can be decoded, or its header alone breaks the limits.
        EngineFailed: the decoder's process was stopped from outside.
    """
    allowance = allowance or sandbox.Allowance(cpu_s=20, wall_s=60.0)
    with path.open("rb", buffering=0) as file:
        size = measure(file.fileno(), limits)
        with sandbox.run("polyscribe.audio.libav:decode", {"probe": True}, file.fileno(), allowance) as child:
            for kind, payload in child.messages():
                source = read_source(kind, payload)
                check(source, size, limits)
                return source
    raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.")


def measure(descriptor: int, limits: Limits) -> int:
    """The file's size in bytes.

    Raises:
        SourceFailed: EMPTY or TOO_LARGE.
    """
    size = os.fstat(descriptor).st_size
    if size == 0:
        raise SourceFailed(SourceFault.EMPTY, "The file is empty.")
    if size > limits.max_bytes:
        raise SourceFailed(SourceFault.TOO_LARGE, f"The file is larger than {limits.max_bytes} bytes.")
    return size


def read_source(kind: bytes, payload: bytes | bytearray) -> Source:
    """The first message of a child, which is not trusted.

    Raises:
        SourceFailed: the child says so, or the message makes no sense.
    """
    told = read_json(payload)
    try:
        if kind == b"F":
            raise SourceFailed(SourceFault(told["fault"]), str(told["message"])[:200])
        claimed = told["claimed_ms"]
        return Source(
            container=str(told["container"])[:40],
            codec=str(told["codec"])[:40],
            rate_hz=int(told["rate_hz"]),
            channels=int(told["channels"]),
            claimed_ms=None if claimed is None else int(claimed),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SourceFailed(SourceFault.CORRUPT, "The decoder broke on this file.") from error


def read_json(payload: bytes | bytearray) -> dict[str, Any]:
    """A child's JSON object; empty when it is none."""
    try:
        told = json.loads(payload)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def check(source: Source, size_bytes: int, limits: Limits) -> None:
    """Hold what the file is against the limits, and its claimed length as far as that can be true.

    Raises:
        SourceFailed: FORMAT_NOT_ALLOWED, TOO_MANY_CHANNELS, RATE_TOO_LOW, RATE_TOO_HIGH or TOO_LONG.
    """
    name = format_name(source)
    if limits.formats is not None and name not in limits.formats:
        allowed = ", ".join(sorted(limits.formats))
        raise SourceFailed(SourceFault.FORMAT_NOT_ALLOWED, f"The format is {name}; allowed are {allowed}.")
    if source.channels > MOST_CHANNELS:
        message = f"The sound has {source.channels} channels; one or two can be transcribed."
        raise SourceFailed(SourceFault.TOO_MANY_CHANNELS, message)
    if source.channels < 1:
        raise SourceFailed(SourceFault.CORRUPT, "The sound has no channels.")
    if source.rate_hz < limits.min_rate_hz:
        message = f"The sample rate of {source.rate_hz} Hz is below {limits.min_rate_hz} Hz."
        raise SourceFailed(SourceFault.RATE_TOO_LOW, message)
    if source.rate_hz > MOST_RATE_HZ:
        message = f"The sample rate of {source.rate_hz} Hz is above {MOST_RATE_HZ} Hz."
        raise SourceFailed(SourceFault.RATE_TOO_HIGH, message)
    claimed_ms = source.claimed_ms or 0
    is_credible = size_bytes * 8000 >= claimed_ms * LEAST_BITS_PER_S
    if is_credible and claimed_ms > limits.max_ms + limits.max_ms // 100 + GRACE_MS:
        raise too_long(limits)


def too_long(limits: Limits) -> SourceFailed:
    """The refusal of sound beyond the limit."""
    return SourceFailed(SourceFault.TOO_LONG, f"The sound is longer than {limits.max_ms // 1000} seconds.")
