"""The loaded engine: clips in, words with times and confidence out."""

from __future__ import annotations

import difflib
import re
import threading
import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyscribe import models
from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.domain.transcript import Word
from polyscribe.engines.moonshine import ABILITIES, NAME, alignment, guards, vocabulary
from polyscribe.engines.moonshine.build import graph_file
from polyscribe.engines.moonshine.runners import UNLOADABLE, Decoded, LeanRunner, PlainRunner, Runner
from polyscribe.ports import SAMPLE_RATE_HZ, Heard, Samples
from polyscribe.telemetry import emit

CERTAIN = 0.8
"""Mean probability of the tokens from which a clip is believed and not heard again."""

READABLE = 0.39
"""Trust below which a clip is not believed: another language, or noise. Trust is the mean probability times one where
three tries say the same and half where they have nothing in common. On recorded speech other languages lie at 0.1 to
0.37 in a clip, English at 0.4 (noise as loud as the voice), 0.44 (people in a room) and more."""

KNOWN_SOUND = "beckett.wav"
KNOWN_TEXT = "Ever tried, ever failed, no matter, try again, fail again, fail better."

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_loading = threading.Lock()
_runners: dict[Path, Runner] = {}


class Moonshine:
    """The port `Engine`. Holds nothing that a call changes; the networks are shared by all instances of a process."""

    name = NAME
    abilities = ABILITIES

    def __init__(self, runner: Runner, pieces: Sequence[bytes]) -> None:
        self._runner = runner
        self._pieces = pieces

    def recognise(self, clips: Sequence[Samples], language: str | None) -> list[Heard]:
        """One by one, so that a clip's text does not depend on its neighbours.

        Raises:
            EngineFailed: LANGUAGE_UNSUPPORTED, it is not English.
        """
        if language is not None and language.lower().replace("_", "-").split("-")[0] not in ABILITIES.languages:
            message = f"The bundled recogniser knows English only, not {language}. Install a plug-in for it."
            raise EngineFailed(EngineFault.LANGUAGE_UNSUPPORTED, message)
        return [self._hear(clip) for clip in clips]

    def _hear(self, clip: Samples) -> Heard:
        """The best of three tries: a clip that was hard is heard again in other ways.

        The confidence stays that of the first, since of several tries other languages too have one that reads well.
        """
        first = self._hear_once(clip, guards.WAYS[0])
        if first.confidence is None or first.confidence >= CERTAIN:
            return first
        if first.confidence < READABLE:
            return replace(first, readable=False)
        others = [self._hear_once(clip, way) for way in guards.WAYS[1:]]
        agreement = sum(_alike(first.text, other.text) for other in others) / len(others)
        best = max(first, *others, key=lambda heard: heard.confidence or 0.0)
        trust = first.confidence * (1 + agreement) / 2
        return replace(best, confidence=first.confidence, readable=trust >= READABLE)

    def _hear_once(self, clip: Samples, way: guards.Way) -> Heard:
        samples, skipped = guards.prepared(clip, way)
        if not len(samples):
            return Heard("")
        decoded = self._runner.run(samples, guards.limit(samples))
        kept = guards.before_loop(decoded.tokens.tolist(), decoded.complete)
        spelled = vocabulary.spell(decoded.tokens[:kept].tolist(), self._pieces)
        if not spelled:
            return Heard("")
        words = _words(spelled, decoded, samples[: len(clip) - skipped], skipped / _SAMPLES_PER_MS)
        confidence = round(float(decoded.probabilities[:kept].mean()), 3)
        return Heard(" ".join(word.text for word in spelled), words, confidence)


def load(models_dir: Path) -> Moonshine:
    """The engine, tried on a known sound; a graph that fails there is replaced by the shipped files.

    Raises:
        EngineFailed: NOT_INSTALLED, or INTERNAL when not even the shipped files work here.
    """
    pieces = vocabulary.read(models.asset("tiny-en/tokenizer.bin"))
    with _loading:
        graph = graph_file(models_dir)
        if graph not in _runners:
            _runners[graph] = _tried(models_dir, graph, pieces)
        return Moonshine(_runners[graph], pieces)


def works(runner: Runner, pieces: Sequence[bytes]) -> bool:
    """Whether the known sound gives the known text; a word may differ, since processors round differently."""
    heard = Moonshine(runner, pieces).recognise([_known_sound()], "en")[0]
    return _alike(heard.text, KNOWN_TEXT) > 0.9


def _tried(models_dir: Path, graph: Path, pieces: Sequence[bytes]) -> Runner:
    try:
        lean = LeanRunner(graph)
    except UNLOADABLE:
        # A damaged file, say by a full disk: build it once more.
        graph.unlink(missing_ok=True)
        lean = LeanRunner(graph_file(models_dir))
    if works(lean, pieces):
        return lean
    emit("engine_fell_back", engine=NAME)
    plain = PlainRunner()
    if works(plain, pieces):
        return plain
    raise EngineFailed(EngineFault.INTERNAL, "The bundled recogniser does not work on this processor.")


def _words(
    spelled: Sequence[vocabulary.Spelled], decoded: Decoded, samples: Samples, shift_ms: float
) -> tuple[Word, ...]:
    """Words with times from the start of the clip; the confidence of a word is that of its least certain token."""
    length_ms = len(samples) / _SAMPLES_PER_MS
    if decoded.attention is None:
        starts = alignment.spread([len(word.text) for word in spelled], length_ms)
    else:
        starts = alignment.token_starts(decoded.attention)[[word.first for word in spelled]].tolist()
    times = alignment.corrected(starts, length_ms, alignment.silences(alignment.loudness(samples)))
    return tuple(
        Word(
            word.text,
            round(start + shift_ms),
            round(end + shift_ms),
            round(float(decoded.probabilities[word.first : word.last].min()), 3),
        )
        for word, (start, end) in zip(spelled, times, strict=True)
    )


def _known_sound() -> Samples:
    with wave.open(str(models.asset(KNOWN_SOUND))) as file:
        whole = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return whole.astype(np.float32) / np.float32(32768)


def _alike(first: str, second: str) -> float:
    """Share of words that two texts have in common, in order; 0–1."""
    return difflib.SequenceMatcher(None, _plain(first), _plain(second), autojunk=False).ratio()


def _plain(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
