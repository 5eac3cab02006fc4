from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audio.sounds import encoded, saved, tone, wav
from polyscribe.audio.probe import FORMATS, Source, check, format_name, probe, read_source
from polyscribe.domain.errors import SourceFailed, SourceFault
from polyscribe.domain.transcription import Limits

LIMITS = Limits(max_bytes=1 << 30, max_ms=3_600_000)
CALL = Source("wav", "pcm_mulaw", 8000, 2, 60_000)


def fault_of(source: Source, limits: Limits = LIMITS, size_bytes: int = 1_000_000) -> SourceFault:
    with pytest.raises(SourceFailed) as failed:
        check(source, size_bytes, limits)
    return failed.value.fault


def test_a_call_is_accepted() -> None:
    check(CALL, 960_044, LIMITS)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"channels": 3}, SourceFault.TOO_MANY_CHANNELS),
        ({"channels": 0}, SourceFault.CORRUPT),
        ({"rate_hz": 7999}, SourceFault.RATE_TOO_LOW),
        ({"rate_hz": 0}, SourceFault.RATE_TOO_LOW),
        ({"rate_hz": 192_001}, SourceFault.RATE_TOO_HIGH),
        ({"claimed_ms": 3_700_000}, SourceFault.TOO_LONG),
    ],
)
def test_what_breaks_a_limit_is_refused(changed: dict[str, int], fault: SourceFault) -> None:
    assert fault_of(replace(CALL, **changed), size_bytes=1 << 29) is fault


def test_the_least_rate_is_a_limit_of_the_caller() -> None:
    slow = replace(CALL, rate_hz=6000)

    check(slow, 960_044, replace(LIMITS, min_rate_hz=6000))

    assert fault_of(slow) is SourceFault.RATE_TOO_LOW


def test_a_format_outside_the_allowed_ones_is_refused() -> None:
    limits = replace(LIMITS, formats=frozenset({"mp3", "flac"}))

    assert fault_of(CALL, limits) is SourceFault.FORMAT_NOT_ALLOWED
    check(Source("flac", "flac", 16_000, 1, None), 1000, limits)


def test_a_length_that_the_bytes_cannot_hold_is_not_believed() -> None:
    check(replace(CALL, claimed_ms=10**9), 1000, LIMITS)


def test_a_header_may_be_a_little_longer_than_the_limit() -> None:
    check(replace(CALL, claimed_ms=3_600_900), 1 << 29, LIMITS)


@pytest.mark.parametrize(
    ("container", "codec", "name"),
    [
        ("wav", "pcm_s16le", "wav"),
        ("mp3", "mp3", "mp3"),
        ("mp3", "mp2", "mp2"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "alac", "mp4"),
        ("matroska,webm", "opus", "webm"),
        ("ogg", "flac", "ogg"),
    ],
)
def test_a_format_has_one_name(container: str, codec: str, name: str) -> None:
    assert format_name(Source(container, codec, 16_000, 1, None)) == name


def test_format_names_are_plain_words() -> None:
    assert all(name.isalnum() and name.islower() for name in FORMATS.values())


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (b"S", b""),
        (b"S", b"[1]"),
        (b"S", b"{}"),
        (b"S", b'{"container": "wav", "codec": "x", "rate_hz": "many", "channels": 1, "claimed_ms": null}'),
        (b"F", b'{"fault": "of my own making", "message": ""}'),
        (b"S", b"\xff\xfe"),
    ],
)
def test_nonsense_from_a_child_is_a_corrupt_source(kind: bytes, payload: bytes) -> None:
    with pytest.raises(SourceFailed) as failed:
        read_source(kind, payload)

    assert failed.value.fault is SourceFault.CORRUPT


def test_a_file_is_described_by_its_header_and_first_frame(tmp_path: Path) -> None:
    content = encoded(tone(44_100, 2.0, channels=2), 44_100, "flac", "flac")

    source = probe(saved(tmp_path / "sound", content), LIMITS)

    assert source == Source("flac", "flac", 44_100, 2, 2000)


def test_the_promise_of_a_cut_wave_file_is_told(tmp_path: Path) -> None:
    source = probe(saved(tmp_path / "sound", wav(tone(8000, 10.0), 8000)[:80_044]), LIMITS)

    assert source.claimed_ms == 10_000


def test_probing_refuses_what_decoding_would(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as failed:
        probe(saved(tmp_path / "sound", wav(tone(4000, 1.0), 4000)), LIMITS)

    assert failed.value.fault is SourceFault.RATE_TOO_LOW
