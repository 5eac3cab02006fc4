"""Every encoding that is promised: made here where PyAV can write it, and from the shared recordings where they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.sounds import Frames, bursts, encoded, onsets, saved
from polyscribe.audio.decode import Summary, decode
from polyscribe.audio.probe import Source, format_name
from polyscribe.domain.errors import SourceFailed, SourceFault

SHARED = Path(os.environ.get("POLYSCRIBE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
AT_S = [0.5, 1.25, 2.9]
LENGTH_S = 4.0

AAC_PRIMING_S = 1024 / 16_000
MP3_PRIMING_S = 1105 / 16_000
MP2_PRIMING_S = 481 / 16_000

OPUS = {"codec": "libopus", "encode_hz": 48_000}
AMR = {"codec": "libopencore_amrnb", "encode_hz": 8000, "bit_rate": 12_200}
NO_LENGTH = {"seekable": False}

MONO: dict[str, tuple[str, float, dict[str, Any]]] = {
    "g722": ("wav", 0.0, {"container": "wav", "codec": "g722"}),
    "g726": ("wav", 0.0, {"container": "wav", "codec": "g726", "encode_hz": 8000, "bit_rate": 32_000}),
    "amr": ("amr", 0.005, {"container": "amr", **AMR}),
    "3gp": ("mp4", 0.0, {"container": "3gp", **AMR}),
}
BOTH: dict[str, tuple[str, float, dict[str, Any]]] = {
    "pcm 8": ("wav", 0.0, {"container": "wav", "codec": "pcm_u8"}),
    "pcm 16": ("wav", 0.0, {"container": "wav", "codec": "pcm_s16le"}),
    "pcm 24": ("wav", 0.0, {"container": "wav", "codec": "pcm_s24le"}),
    "pcm 32": ("wav", 0.0, {"container": "wav", "codec": "pcm_s32le"}),
    "float 32": ("wav", 0.0, {"container": "wav", "codec": "pcm_f32le"}),
    "float 64": ("wav", 0.0, {"container": "wav", "codec": "pcm_f64le"}),
    "mu-law": ("wav", 0.0, {"container": "wav", "codec": "pcm_mulaw"}),
    "a-law": ("wav", 0.0, {"container": "wav", "codec": "pcm_alaw"}),
    "ima adpcm": ("wav", 0.0, {"container": "wav", "codec": "adpcm_ima_wav"}),
    "ms adpcm": ("wav", 0.0, {"container": "wav", "codec": "adpcm_ms"}),
    "mp3 in wav": ("wav", MP3_PRIMING_S, {"container": "wav", "codec": "libmp3lame"}),
    "rf64": ("wav", 0.0, {"container": "wav", "codec": "pcm_s16le", "container_options": {"rf64": "always"}}),
    "w64": ("wav", 0.0, {"container": "w64", "codec": "pcm_s16le"}),
    "piped wav": ("wav", 0.0, {"container": "wav", "codec": "pcm_s16le", **NO_LENGTH}),
    "aiff": ("aiff", 0.0, {"container": "aiff", "codec": "pcm_s16be"}),
    "au": ("au", 0.0, {"container": "au", "codec": "pcm_mulaw"}),
    "caf": ("caf", 0.0, {"container": "caf", "codec": "pcm_s16be"}),
    "mp3 cbr": ("mp3", 0.0, {"container": "mp3", "codec": "libmp3lame", "bit_rate": 48_000}),
    "mp3 vbr": ("mp3", 0.0, {"container": "mp3", "codec": "libmp3lame", "codec_options": {"q": "4"}}),
    "mp3 without count": (
        "mp3",
        MP3_PRIMING_S,
        {"container": "mp3", "codec": "libmp3lame", "container_options": {"write_xing": "0"}},
    ),
    "mp2": ("mp2", MP2_PRIMING_S, {"container": "mp2", "codec": "mp2"}),
    "flac": ("flac", 0.0, {"container": "flac", "codec": "flac"}),
    "ogg flac": ("ogg", 0.0, {"container": "ogg", "codec": "flac"}),
    "ogg opus": ("ogg", 0.0, {"container": "ogg", **OPUS}),
    "webm": ("webm", 0.0, {"container": "webm", **OPUS}),
    "live webm": ("webm", 0.0, {"container": "webm", **OPUS, **NO_LENGTH, "container_options": {"live": "1"}}),
    "mka": ("webm", 0.0, {"container": "matroska", **OPUS}),
    "m4a": ("mp4", 0.0, {"container": "ipod", "codec": "aac"}),
    "fragmented mp4": (
        "mp4",
        AAC_PRIMING_S,
        {
            "container": "mp4",
            "codec": "aac",
            "container_options": {"movflags": "frag_keyframe+empty_moov"},
            **NO_LENGTH,
        },
    ),
    "alac": ("mp4", 0.0, {"container": "ipod", "codec": "alac"}),
    "mp4 with picture": ("mp4", 0.0, {"container": "mp4", "codec": "aac", "picture": True}),
    "adts": ("aac", AAC_PRIMING_S, {"container": "adts", "codec": "aac"}),
    "ac3": ("ac3", 0.005, {"container": "ac3", "codec": "ac3", "encode_hz": 48_000}),
    "flv": ("flv", 1024 / 44_100, {"container": "flv", "codec": "aac", "encode_hz": 44_100}),
    "mpeg ts": ("ts", AAC_PRIMING_S, {"container": "mpegts", "codec": "aac"}),
    "wavpack": ("wavpack", 0.0, {"container": "wv", "codec": "wavpack"}),
}
STEREO: dict[str, tuple[str, float, dict[str, Any]]] = {
    "ogg vorbis": ("ogg", 0.0, {"container": "ogg", "codec": "vorbis", "codec_options": {"strict": "-2"}}),
}
CASES = [
    pytest.param(name, delay_s, given, channels, id=f"{case}-{channels}")
    for cases, counts in ((MONO, (1,)), (BOTH, (1, 2)), (STEREO, (2,)))
    for case, (name, delay_s, given) in cases.items()
    for channels in counts
]


def decoded(path: Path) -> tuple[Source, Frames, Summary]:
    with decode(path, max_ms=8 * 3_600_000) as decoding:
        frames = np.concatenate(list(decoding))
    return decoding.source, frames, decoding.summary


@pytest.mark.parametrize(("name", "delay_s", "given", "channels"), CASES)
def test_sound_comes_out_where_it_was_put(
    tmp_path: Path, name: str, delay_s: float, given: dict[str, Any], channels: int
) -> None:
    """`delay_s` is an encoder's delay that its container has no field for."""
    content = encoded(bursts(16_000, LENGTH_S, AT_S, channels), 16_000, **given)

    source, frames, summary = decoded(saved(tmp_path / "sound", content))

    assert format_name(source) == name
    assert source.channels == frames.shape[1] == channels
    assert summary.frames == len(frames)
    assert summary.lost == ()
    assert summary.missing_ms == 0
    assert -20 <= summary.duration_ms - 1000 * (LENGTH_S + delay_s) <= 150
    for channel in range(channels):
        assert onsets(frames[:, channel]) == pytest.approx([at_s + delay_s for at_s in AT_S], abs=0.006)


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_keeps_its_times(tmp_path: Path, rate_hz: int) -> None:
    content = encoded(bursts(rate_hz, LENGTH_S, AT_S), rate_hz, "wav", "pcm_s16le")

    source, frames, summary = decoded(saved(tmp_path / "sound", content))

    assert source.rate_hz == rate_hz
    assert summary.duration_ms == LENGTH_S * 1000
    assert onsets(frames[:, 0]) == pytest.approx(AT_S, abs=0.003)


@pytest.mark.parametrize("case", ["mu-law", "mp3 cbr", "mp3 vbr", "m4a", "ogg opus", "webm"])
def test_times_do_not_drift(tmp_path: Path, case: str) -> None:
    at_s = [1.0, 300.0, 599.0]
    sound = bursts(11_025, 600.0, at_s)
    _, _, given = BOTH[case]

    _, frames, _ = decoded(saved(tmp_path / "sound", encoded(sound, 11_025, **given)))

    assert onsets(frames[:, 0]) == pytest.approx(at_s, abs=0.006)


# What the shared recordings must give, where it is not simply their sound.
REFUSED = {
    "fm-six-channel-centre": SourceFault.TOO_MANY_CHANNELS,
    "bad-missing-header": SourceFault.NOT_AUDIO,
    "bad-ps-bad": SourceFault.CORRUPT,
    "bad-ps-evil": SourceFault.CORRUPT,
    "bad-raw-s16le-16k": SourceFault.NOT_AUDIO,
    "bad-riff-22-bytes": SourceFault.CORRUPT,
    "bad-riff-no-samples": SourceFault.NO_AUDIO,
    "fm-html-page": SourceFault.NOT_AUDIO,
    "fm-m4a-truncated-no-index": SourceFault.CORRUPT,
    "fm-riff-huge-rate": SourceFault.CORRUPT,
    "fm-riff-zero-channels": SourceFault.CORRUPT,
    "fm-text-noise": SourceFault.NOT_AUDIO,
    "fm-zero-bytes": SourceFault.EMPTY,
    "empty_0s": SourceFault.NO_AUDIO,
    "fake_text": SourceFault.NOT_AUDIO,
    "playlist_trap": SourceFault.NOT_AUDIO,
    "truncated_header": SourceFault.CORRUPT,
    "voicemail_8k.ulaw": SourceFault.NOT_AUDIO,
}
# ffprobe's length is a guess from the bit rate, or counts what the decoder takes away.
LENGTHS_S = {"fm-mp3-truncated": 1.371, "fm-amr-nb": 2.86, "fm-amr-wb": 2.84, "fm-mp3-vbr-noxing": 2.874}
PADDING_S = {"mp3": 0.2, "aac": 0.4}
MISSING_MS = {"fm-mp3-truncated": 1470, "fm-truncated-40pc": 1136, "truncated.mp3": 5295}


def shared_files() -> list[Any]:
    items: list[tuple[Path, dict[str, Any]]] = []
    index = SHARED / "audio" / "real" / "INDEX.json"
    if index.exists():
        items += [(index.parent / item["file"], item) for item in json.loads(index.read_text())["items"]]
    for sidecar in sorted((SHARED / "audio" / "made").glob("*.json")):
        items.append((sidecar.with_suffix(""), json.loads(sidecar.read_text())))
    missing = pytest.mark.skip(reason="the shared recordings are not here")
    return [pytest.param(path, item, id=path.name) for path, item in items] or [
        pytest.param(Path(), {}, id="shared", marks=missing)
    ]


@pytest.mark.parametrize(("path", "item"), shared_files())
def test_every_shared_recording_gives_its_sound_or_its_refusal(path: Path, item: dict[str, Any]) -> None:
    fault = REFUSED.get(path.name, REFUSED.get(path.stem))
    if fault is not None:
        with pytest.raises(SourceFailed) as failed:
            decoded(path)
        assert failed.value.fault is fault
        return

    source, frames, summary = decoded(path)

    expected_s = LENGTHS_S.get(path.stem, item["duration"] or 2.845)
    assert summary.frames == len(frames)
    assert summary.duration_ms / 1000 == pytest.approx(expected_s, abs=PADDING_S.get(item["codec"], 0.06))
    assert source.channels == item["channels"]
    assert summary.lost == ()
    assert summary.missing_ms == pytest.approx(MISSING_MS.get(path.stem, MISSING_MS.get(path.name, 0)), abs=100)
