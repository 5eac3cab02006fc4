"""A diarizer over the networks of pyannote community-1: windows are heard, prints clustered, votes counted.

It is the straight line through its neighbours and knows neither graphs nor the mathematics of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscribe.diarization import activity, clustering, networks
from polyscribe.diarization.activity import Window
from polyscribe.diarization.networks import Floats, Networks
from polyscribe.diarization.voices import Voices
from polyscribe.domain.transcript import Turn
from polyscribe.ports import SAMPLE_RATE_HZ, Sound

WINDOW = 10 * SAMPLE_RATE_HZ
STEP = SAMPLE_RATE_HZ
"""Samples from one window to the next."""

_SILENT = 1.5 / 32_768
"""Windows that never exceed the last bit of 16-bit sound are not looked at."""
_CLEAN_FRAMES = 25
"""Frames (0.4 s) without anyone else that a print needs; with fewer, frames of overlap are taken too."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """The window from sample `start`: how likely each of its voices is heard in each frame (589, 3)."""

    start: int
    likely: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class _Voice:
    """One voice of the window from sample `start`: its print (256), and in how many frames nobody else is heard."""

    start: int
    index: int
    embedding: Floats
    clean_frames: int


class Community:
    """The diarizer, loaded. One instance serves several threads at once."""

    name = "community-1"

    def __init__(self, models_dir: Path) -> None:
        self._networks: Networks = networks.load(models_dir)
        self._space = clustering.load_space()

    def turns(self, sound: Sound, channel: int, speakers: int | None) -> list[Turn]:
        """Who speaks when, in order of start; turns of different speakers may overlap.

        `speakers` is kept to; fewer come out only when fewer voices are heard at all.

        Raises:
            EngineFailed: INTERNAL, the runtime gave up.
        """
        heard, voices = self._listen(sound, channel)
        whose = _whose(voices, self._space, speakers)
        windows = [
            Window(
                each.start * 1000 // SAMPLE_RATE_HZ,
                each.likely,
                tuple(whose.get((each.start, index)) for index in range(activity.VOICES)),
            )
            for each in heard
        ]
        return activity.turns(windows, sound.length * 1000 // SAMPLE_RATE_HZ, everyone=speakers is not None)

    def _listen(self, sound: Sound, channel: int) -> tuple[list[_Heard], list[_Voice]]:
        printer = Voices(self._networks, sound, channel)
        heard: list[_Heard] = []
        voices: list[_Voice] = []
        for start in range(0, max(1, sound.length - WINDOW + STEP), STEP):
            samples = sound.read(channel, start, start + WINDOW)
            if np.abs(samples).max(initial=0.0) <= _SILENT:
                continue
            padded = np.pad(samples, (0, WINDOW - len(samples)))
            classes = self._networks.segmentation.run(padded[None, None])[0]
            voices += _voices(printer, start, activity.decisions(classes))
            heard.append(_Heard(start, activity.likelihoods(classes).astype(np.float16)))
        return heard, voices


def _voices(printer: Voices, start: int, decided: Floats) -> list[_Voice]:
    clean = decided * (decided.sum(axis=1, keepdims=True) < 2)
    enough = clean.sum(axis=0) >= _CLEAN_FRAMES
    masks = np.where(enough, clean, decided).T
    if not masks.any():
        return []
    prints = printer.prints(start, masks, WINDOW)
    return [
        _Voice(start, index, prints[index], int(clean[:, index].sum()))
        for index in range(activity.VOICES)
        if prints[index].any()
    ]


def _whose(voices: list[_Voice], space: clustering.Space, speakers: int | None) -> dict[tuple[int, int], int]:
    if not voices:
        return {}
    embeddings = np.stack([voice.embedding for voice in voices]).astype(np.float64)
    clean_s = np.array([voice.clean_frames for voice in voices]) * activity.FRAME_MS / 1000
    labels = clustering.speakers_of(embeddings, clean_s, space, speakers)
    return {(voice.start, voice.index): int(label) for voice, label in zip(voices, labels, strict=True)}
