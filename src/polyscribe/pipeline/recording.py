"""The straight line from sound to what was heard in it. Sound in, values out; no storage of results, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscribe.audio import channels, speech
from polyscribe.audio.channels import Found, Layout, Measuring
from polyscribe.audio.clips import Cutting, cut
from polyscribe.audio.decode import Summary
from polyscribe.audio.spool import SpoolReader, SpoolWriter
from polyscribe.domain.errors import SourceFailed, SourceFault
from polyscribe.domain.transcript import Word
from polyscribe.domain.transcription import ChannelMode
from polyscribe.pipeline.segments import Piece, Plan, Track, pieces_of
from polyscribe.ports import SAMPLE_RATE_HZ, Engine, Heard, Samples, Sound

Block = NDArray[np.int16]
"""Interleaved frames at SAMPLE_RATE_HZ, shape (n, channels)."""

_PER_MS = SAMPLE_RATE_HZ // 1000
_SPEECH_DB = -23.0
_GAIN_DB = (-20.0, 35.0)

APART = Cutting(pad_ms=100, merge_pause_ms=100)
"""For a channel with cross-talk: its clips reach as little as possible into what the other side says."""


@dataclass(frozen=True, slots=True)
class PieceResult:
    """What was heard in each clip of a piece, in their order."""

    number: int
    heard: tuple[Heard, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal result."""
        return {"number": self.number, "heard": [_heard_to_json(each) for each in self.heard]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PieceResult:
        """The result that `to_json` wrote."""
        return cls(values["number"], tuple(_heard_from_json(each) for each in values["heard"]))


class Tracks:
    """A `Sound` whose channels are the tracks of a plan, mixed as it says."""

    def __init__(self, sound: Sound, tracks: Sequence[Track]) -> None:
        self._sound = sound
        self._tracks = tracks
        self.channels = len(tracks)
        self.length = sound.length

    def read(self, channel: int, start: int, stop: int) -> Samples:
        """See `ports.Sound`."""
        parts = [self._sound.read(source, start, stop) for source in self._tracks[channel].sources]
        return parts[0] if len(parts) == 1 else np.mean(parts, axis=0, dtype=np.float32)


def _whole() -> Summary:
    return Summary(frames=0, lost=(), missing_ms=0)


def prepare(blocks: Iterable[Block], spool: Path, mode: ChannelMode, summary: Callable[[], Summary] = _whole) -> Plan:
    """Write the blocks into a spool at `spool`, find out what the channels are and where somebody speaks.

    `summary` is asked after the last block for what of the file is lost or missing. Memory does not grow with the
    length but for five bytes per channel and 32 ms.

    Raises:
        SourceFailed: there are no samples, or more than two channels.
    """
    measuring: Measuring | None = None
    with SpoolWriter(spool) as writer:
        for block in blocks:
            measuring = measuring or Measuring(_checked(block.shape[1]))
            measuring.feed(block)
            writer.append(block)
        if measuring is None or measuring.frames == 0:
            raise SourceFailed(SourceFault.NO_AUDIO, "The file has no sound in it.")
    with SpoolReader(spool) as sound:
        planned = plan(sound, measuring, mode)
    told = summary()
    return replace(planned, lost=told.lost, missing_ms=told.missing_ms)


def plan(sound: Sound, measured: Measuring, mode: ChannelMode) -> Plan:
    """The plan for a sound that was measured while it went by."""
    found = measured.found()
    layout, tracks = arrange(found, mode)
    duration_ms = -(-sound.length // _PER_MS)
    levels = measured.levels()
    leaked = channels.leaks(levels) if len(tracks) == 2 and layout is not Layout.IDENTICAL else None
    masks = channels.masks(levels, leaked) if leaked else [None] * len(tracks)
    mixed = Tracks(sound, tracks)
    clips = []
    for index, (track, mask) in enumerate(zip(tracks, masks, strict=True)):
        gain = _gain(max(found.speech_db[source] for source in track.sources))
        heard = speech.Track(partial(_read, mixed, index, gain), mask)
        how = APART if leaked and leaked[index] > channels.NO_LEAK_DB else Cutting()
        clips.append(cut(speech.listen(speech.detector(), heard, sound.length), duration_ms, how))
    return Plan(duration_ms, sound.channels, layout, tracks, pieces_of(clips))


def arrange(found: Found, mode: ChannelMode) -> tuple[Layout, tuple[Track, ...]]:
    """The layout, and the tracks that follow from it and from what was asked for."""
    count = len(found.silent)
    loudest = max(range(count), key=lambda channel: found.speech_db[channel])
    if count == 1 or (found.layout is Layout.IDENTICAL and mode is not ChannelMode.SPLIT):
        return found.layout, (Track(0, (0,)),)
    if mode is ChannelMode.SPLIT or (mode is ChannelMode.AUTO and found.layout in {Layout.DUAL, Layout.ONE_SILENT}):
        return found.layout, tuple(Track(channel, (channel,)) for channel in range(count))
    if found.layout in {Layout.ANTIPHASE, Layout.ONE_SILENT}:
        return found.layout, (Track(0, (loudest,)),)
    return found.layout, (Track(0, tuple(range(count))),)


def recognise(sound: Sound, piece: Piece, plan: Plan, engine: Engine, language: str | None) -> PieceResult:
    """What is said in the clips of one piece.

    Raises:
        EngineFailed: as the engine does.
    """
    tracks = Tracks(sound, plan.channels)
    clips = [tracks.read(clip.track, clip.start_ms * _PER_MS, clip.end_ms * _PER_MS) for clip in piece.clips]
    return PieceResult(piece.number, tuple(engine.recognise(clips, language)))


def _read(sound: Sound, channel: int, gain: np.float32, start: int, stop: int) -> Samples:
    return sound.read(channel, start, stop) * gain


def _gain(speech_db: float) -> np.float32:
    """What brings the speech of a track to the level at which speech is found best."""
    return np.float32(10 ** (float(np.clip(_SPEECH_DB - speech_db, *_GAIN_DB)) / 20))


def _checked(channels: int) -> int:
    if channels > 2:
        raise SourceFailed(SourceFault.TOO_MANY_CHANNELS, f"The file has {channels} channels; 1 or 2 can be used.")
    return channels


def _heard_to_json(heard: Heard) -> dict[str, Any]:
    words = [[word.text, word.start_ms, word.end_ms, word.confidence] for word in heard.words]
    return {"text": heard.text, "words": words, "confidence": heard.confidence, "readable": heard.readable}


def _heard_from_json(values: dict[str, Any]) -> Heard:
    words = tuple(Word(*word) for word in values["words"])
    return Heard(values["text"], words, values["confidence"], values["readable"])
