"""Speech is found where it is; the lean network says what the shipped one says; reading in parts changes nothing."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from polyscribe import models
from polyscribe.audio.silero import CONTEXT, HOP, Silero, begin
from polyscribe.audio.speech import Track, detector, levels, listen
from polyscribe.ports import Samples
from voices import spoken


@pytest.fixture(scope="module")
def voice() -> Samples:
    return spoken("beckett.wav", 0, 9)


def rows_of(samples: Samples) -> np.ndarray:
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), samples])
    count = len(samples) // HOP
    return np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + HOP)[::HOP][:count]


def as_shipped(rows: np.ndarray) -> np.ndarray:
    """The same from the network as it is in the wheel: one hop per call."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    session = ort.InferenceSession(models.vad_model(), options, providers=["CPUExecutionProvider"])
    state, found = np.zeros((2, 1, 128), np.float32), []
    for row in rows:
        share, state = session.run(None, {"input": row[None], "state": state, "sr": np.array(16_000)})
        found.append(share[0, 0])
    return np.array(found)


def track(samples: Samples, mask: np.ndarray | None = None) -> Track:
    return Track(lambda start, stop: samples[start:stop], mask)


def test_the_lean_network_says_what_the_shipped_one_says(voice: Samples) -> None:
    rows = rows_of(voice)

    lean, _ = Silero().run(rows, begin())

    assert np.abs(lean - as_shipped(rows)).max() < 1e-4


def test_its_state_carries_over_from_call_to_call(voice: Samples) -> None:
    rows = rows_of(voice)
    whole, _ = detector().run(rows, begin())

    first, state = detector().run(rows[:70], begin())
    second, _ = detector().run(rows[70:], state)

    assert np.allclose(np.concatenate([first, second]), whole, atol=1e-6)


def test_a_voice_between_silences_is_found_where_it_is(voice: Samples) -> None:
    silence = np.zeros(3 * 16_000, np.float32)
    sound = np.concatenate([silence, voice[:32_000], silence])

    found = listen(detector(), track(sound), len(sound))

    assert len(found) == 250
    assert found[:90].max() < 0.5
    assert found[95:155].max() > 0.9
    assert found[-80:].max() < 0.5


def test_two_streams_do_not_disturb_each_other(voice: Samples) -> None:
    alone = listen(detector(), track(voice), len(voice))

    listen(detector(), track(np.roll(voice, 5_000)), len(voice))
    again = listen(detector(), track(voice), len(voice))

    assert np.array_equal(alone, again)


def test_sound_longer_than_a_block_is_heard_as_one(voice: Samples) -> None:
    sound = np.tile(voice + np.float32(0.002), 3)[: 27 * 16_000]

    found = listen(detector(), track(sound), len(sound))

    whole, _ = detector().run(rows_of(sound), begin())
    assert np.allclose(found[: len(whole)], whole, atol=1e-5)


def test_what_the_mask_excludes_is_no_speech(voice: Samples) -> None:
    mask = np.zeros(-(-len(voice) // HOP), np.bool_)
    mask[100:] = True

    found = listen(detector(), track(voice, mask), len(voice))

    assert found[:100].max() == 0
    assert found[100:].max() > 0.5


@pytest.mark.parametrize("length", [1, 511, 512, 513])
def test_a_started_hop_counts(length: int) -> None:
    found = listen(detector(), track(np.zeros(length, np.float32)), length)

    assert len(found) == -(-length // 512)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_speech(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.1, 80_000).astype(np.float32)

    found = listen(detector(), track(noise), len(noise))

    assert (found > 0.5).mean() < 0.02


def test_levels_are_decibels_of_full_scale() -> None:
    sound = np.concatenate([np.ones(512), np.full(512, 0.1), np.zeros(512)]).astype(np.float32)

    assert levels(sound).round(1).tolist() == [0.0, -20.0, -100.0]
