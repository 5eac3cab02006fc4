"""The lean graph hears what the shipped files hear, is built once, and steps aside when it fails."""

from __future__ import annotations

import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from polyscribe import models
from polyscribe.engines.moonshine import build, engine, vocabulary
from polyscribe.engines.moonshine.runners import Decoded, LeanRunner, PlainRunner
from polyscribe.ports import Samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def lean(folder: Path) -> LeanRunner:
    return LeanRunner(build.graph_file(folder))


@pytest.fixture(scope="module")
def pieces() -> tuple[bytes, ...]:
    return vocabulary.read(models.asset("tiny-en/tokenizer.bin"))


@pytest.fixture(scope="module")
def voice() -> Samples:
    with wave.open(str(models.asset(engine.KNOWN_SOUND))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32_768)


def said(decoded: Decoded, pieces: tuple[bytes, ...]) -> str:
    return " ".join(word.text for word in vocabulary.spell(decoded.tokens.tolist(), pieces))


class Deaf:
    """A runner that hears the same wrong word everywhere."""

    def run(self, samples: Samples, limit: int) -> Decoded:
        return Decoded(np.array([29_900]), np.array([0.9], np.float32), None, complete=True)


def test_the_lean_graph_hears_what_the_shipped_files_hear(
    lean: LeanRunner, pieces: tuple[bytes, ...], voice: Samples
) -> None:
    expected, found = PlainRunner().run(voice, 65), lean.run(voice, 65)

    assert said(found, pieces) == said(expected, pieces) == engine.KNOWN_TEXT
    assert np.abs(found.probabilities - expected.probabilities).max() < 0.2


def test_unsigned_weights_hear_the_same(pieces: tuple[bytes, ...], voice: Samples, tmp_path: Path) -> None:
    path = tmp_path / "unsigned.onnx"
    path.write_bytes(build.graph(signed=False))

    assert said(LeanRunner(path).run(voice, 65), pieces) == engine.KNOWN_TEXT


def test_the_limit_stops_it(lean: LeanRunner, voice: Samples) -> None:
    decoded = lean.run(voice, 5)

    assert decoded.attention is not None
    assert len(decoded.tokens) == len(decoded.probabilities) == len(decoded.attention) == 5
    assert not decoded.complete


@pytest.mark.parametrize("seconds", [0.02, 0.1, 29.9])
def test_clips_of_every_length_are_taken(lean: LeanRunner, seconds: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, int(16_000 * seconds)).astype(np.float32)

    decoded = lean.run(noise, 8)

    assert len(decoded.tokens) <= 8


def test_it_is_built_once(folder: Path, lean: LeanRunner) -> None:
    first = build.graph_file(folder).stat()

    assert build.graph_file(folder).stat() == first
    assert len(list(folder.iterdir())) == 1


def test_two_that_build_at_once_do_not_meet(tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(build.graph_file(tmp_path))) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] == found[1]
    assert list(tmp_path.iterdir()) == [found[0]]


def test_two_engines_share_their_networks(folder: Path) -> None:
    first, second = engine.load(folder), engine.load(folder)

    assert first is not second
    assert first._runner is second._runner


def test_a_damaged_graph_is_built_anew(tmp_path: Path, voice: Samples) -> None:
    path = build.graph_file(tmp_path)
    path.write_bytes(path.read_bytes()[:100_000])

    assert "fail" in engine.load(tmp_path).recognise([voice], "en")[0].text


def test_the_known_sound_tells_who_hears_and_who_does_not(lean: LeanRunner, pieces: tuple[bytes, ...]) -> None:
    assert engine.works(lean, pieces)
    assert not engine.works(Deaf(), pieces)


def test_without_attention_there_are_words_with_times_too(pieces: tuple[bytes, ...], voice: Samples) -> None:
    heard = engine.Moonshine(PlainRunner(), pieces).recognise([voice], "en")[0]

    assert len(heard.words) == 12
    assert heard.words[-1].end_ms <= 9_964


def test_two_threads_may_share_it(folder: Path, voice: Samples) -> None:
    alone = engine.load(folder).recognise([voice], "en")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(engine.load(folder).recognise([voice], "en"))) for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [alone, alone]
