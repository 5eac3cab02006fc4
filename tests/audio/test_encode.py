"""Samples as files: what is written is decoded to the same sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sounds
from polyscribe.audio import encode
from polyscribe.audio.decode import decode

SECOND = 16_000


def decoded(path: Path) -> tuple[str, encode.Frames]:
    with decode(path, max_ms=60_000) as decoding:
        frames = np.concatenate(list(decoding))
        return decoding.source.codec, frames


def stereo() -> encode.Frames:
    return np.stack([sounds.tone(2), sounds.tone(2, hz=880.0)], axis=1)


def blocks(frames: encode.Frames) -> list[encode.Frames]:
    return [frames[:7001], frames[7001:]]


def test_wav_is_the_same_sound(tmp_path: Path) -> None:
    encode.write_wav(tmp_path / "a.wav", blocks(stereo()), 2)

    codec, frames = decoded(tmp_path / "a.wav")
    assert codec == "pcm_s16le"
    assert np.array_equal(frames, stereo())


@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_is_nearly_the_same_sound(tmp_path: Path, channels: int) -> None:
    encode.write_mp3(tmp_path / "a.mp3", blocks(stereo()[:, :channels]), channels)

    codec, frames = decoded(tmp_path / "a.mp3")
    assert codec.startswith("mp3")
    assert frames.shape[1] == channels
    assert abs(len(frames) - 2 * SECOND) < SECOND // 5
    assert (tmp_path / "a.mp3").stat().st_size < 10_000 * channels
    for channel, hz in enumerate((440, 880)[:channels]):
        spectrum = np.abs(np.fft.rfft(frames[SECOND // 2 : SECOND // 2 + SECOND, channel]))
        assert abs(int(spectrum.argmax()) - hz) <= 2


def test_a_mix_is_the_mean_of_the_channels() -> None:
    frames = np.array([[100, 300], [-32768, -32768]], dtype=np.int16)

    mixed = np.concatenate(list(encode.mixed([frames])))

    assert mixed.tolist() == [[200], [-32768]]
