"""What was said, by whom and when: the result of a transcription, and the rule that accounts for all of its audio.

Positions are whole milliseconds from the start of the file; channels count from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, with punctuation; `confidence` is 0–1, `speaker` a cluster number from 0."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None
    speaker: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """An utterance on one channel. `words` may be empty when the engine gives none."""

    channel: int
    start_ms: int
    end_ms: int
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: int | None = None


class Fate(StrEnum):
    """What became of a stretch of audio."""

    RECOGNISED = "recognised"
    NO_SPEECH = "no_speech"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Audio from `start_ms` up to but not including `end_ms` on one channel, and its fate."""

    channel: int
    start_ms: int
    end_ms: int
    fate: Fate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaking: `speaker` is a cluster number from 0. Turns of different speakers may overlap."""

    start_ms: int
    end_ms: int
    speaker: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """Segments in order of start; stretches that account for every millisecond of every channel.

    `missing_ms` is how much more the header of a file promised that was cut off after `duration_ms`.
    """

    duration_ms: int
    channels: int
    language: str
    engine: str
    segments: tuple[Segment, ...]
    stretches: tuple[Stretch, ...]
    missing_ms: int = 0

    @property
    def text(self) -> str:
        """All utterances in order of start, separated by single spaces."""
        return " ".join(segment.text for segment in self.segments if segment.text)


def unaccounted(stretches: Iterable[Stretch], channels: int, duration_ms: int) -> list[str]:
    """Where the stretches leave a gap, overlap or reach outside the audio; empty when all is accounted for."""
    problems: list[str] = []
    by_channel: dict[int, list[Stretch]] = {channel: [] for channel in range(channels)}
    for stretch in stretches:
        if stretch.channel not in by_channel:
            problems.append(f"channel {stretch.channel} does not exist")
            continue
        by_channel[stretch.channel].append(stretch)
    for channel, own in by_channel.items():
        position = 0
        for stretch in sorted(own, key=lambda each: each.start_ms):
            if stretch.start_ms != position or stretch.end_ms <= stretch.start_ms:
                problems.append(f"channel {channel}: {stretch.start_ms}-{stretch.end_ms} ms after {position} ms")
            position = stretch.end_ms
        if position != duration_ms:
            problems.append(f"channel {channel}: ends at {position} of {duration_ms} ms")
    return problems


def disordered(segments: Sequence[Segment], duration_ms: int) -> list[str]:
    """Segments and words that reach outside the audio or run backwards; empty when all are in order."""
    problems: list[str] = []
    previous = 0
    for index, segment in enumerate(segments):
        if not previous <= segment.start_ms <= segment.end_ms <= duration_ms:
            problems.append(f"segment {index}: {segment.start_ms}-{segment.end_ms} ms")
        previous = segment.start_ms
        at = segment.start_ms
        for word in segment.words:
            if not at <= word.start_ms <= word.end_ms <= segment.end_ms:
                problems.append(f"segment {index}: a word at {word.start_ms}-{word.end_ms} ms")
            at = word.start_ms
    return problems
