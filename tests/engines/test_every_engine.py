"""The suite that every installed engine has to pass."""

from __future__ import annotations

import numpy as np
import pytest

from polyscribe import engines
from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.ports import Engine, Samples
from voices import spoken

INSTALLED = sorted(name for name, maker in engines.makers().items() if engines.is_installed(maker))


@pytest.fixture(scope="module", params=INSTALLED)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return engines.load(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def clips() -> list[Samples]:
    """A voice, half a word, a click, nothing, silence, noise."""
    voice = spoken("beckett.wav", 0, 9)
    noise = np.random.default_rng(1).normal(0, 0.05, 32_000).astype(np.float32)
    return [voice, voice[:4_000], voice[20_000:20_100], voice[:0], np.zeros(16_000, np.float32), noise]


def test_every_clip_is_answered_in_order(engine: Engine, clips: list[Samples]) -> None:
    heard = engine.recognise(clips, "en")

    assert len(heard) == len(clips)
    assert "fail" in heard[0].text.lower()
    assert heard[3].text == heard[4].text == ""


def test_times_lie_inside_the_clip_and_never_go_back(engine: Engine, clips: list[Samples]) -> None:
    for clip, heard in zip(clips, engine.recognise(clips, "en"), strict=True):
        starts = [word.start_ms for word in heard.words]
        assert starts == sorted(starts)
        assert all(0 <= word.start_ms <= word.end_ms <= -(-len(clip) // 16) for word in heard.words)


def test_words_and_confidence_are_as_declared(engine: Engine, clips: list[Samples]) -> None:
    heard = engine.recognise(clips[:1], "en")[0]

    assert bool(heard.words) == engine.abilities.words
    assert (heard.confidence is not None) == engine.abilities.confidence
    assert all(word.confidence is None or 0 <= word.confidence <= 1 for word in heard.words)
    if heard.words:
        assert " ".join(word.text for word in heard.words) == heard.text


def test_the_same_clips_give_the_same_words(engine: Engine, clips: list[Samples]) -> None:
    assert engine.recognise(clips, "en") == engine.recognise(clips, "en")


def test_a_clip_is_left_as_it_was(engine: Engine, clips: list[Samples]) -> None:
    before = [clip.copy() for clip in clips]

    engine.recognise(clips, "en")

    assert all(np.array_equal(clip, old) for clip, old in zip(clips, before, strict=True))


def test_a_language_that_is_not_declared_is_refused(engine: Engine, clips: list[Samples]) -> None:
    with pytest.raises(EngineFailed) as caught:
        engine.recognise(clips[:1], "tlh")

    assert caught.value.fault is EngineFault.LANGUAGE_UNSUPPORTED
    assert "Install" in caught.value.message


@pytest.mark.parametrize("language", ["en", "EN-us", "en_GB", None])
def test_a_declared_language_is_taken_however_it_is_written(engine: Engine, language: str | None) -> None:
    if "en" not in engine.abilities.languages:
        pytest.skip("this engine knows no English")

    assert engine.recognise([np.zeros(1_000, np.float32)], language)[0].text == ""
