"""Puts what was heard together: utterances in order of time, words with speakers, an account of every millisecond."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.domain.transcript import (
    Fate,
    Segment,
    Stretch,
    Transcript,
    Turn,
    Word,
    disordered,
    unaccounted,
)
from polyscribe.pipeline.recording import PieceResult
from polyscribe.pipeline.segments import Plan, TrackClip
from polyscribe.ports import Heard

PAUSE_MS = 700
"""A pause between words that ends an utterance."""

UNREADABLE = "unintelligible"
"""Reason of a stretch in which somebody speaks and the engine did not believe what it wrote."""

_NEAR_MS = 500
_AROUND_MS = 5_000
_Marked = tuple[int, int, Fate, str | None]
_FOREIGN_LEAST_WORDS = 3
_FOREIGN_SHARE = 0.5
_BELIEVABLE = 0.5
_MIDDLING = 0.65
_BENEFIT_OF_DOUBT = 7
"""Words of middling confidence that are added to those of a file, so that a few hard words do not condemn it."""


def assemble(
    plan: Plan, results: Sequence[PieceResult], language: str, engine: str, turns: Sequence[Turn] | None = None
) -> Transcript:
    """The transcript of a plan whose pieces are all there, in any order. `turns` are those of a plan with one track.

    Raises:
        EngineFailed: UNINTELLIGIBLE, most of the speech could not be read; INTERNAL, the result breaks a rule.
    """
    heard = _in_order(plan, results)
    _refuse_foreign(heard)
    segments: list[Segment] = []
    fates: list[list[_Marked]] = [[] for _ in plan.channels]
    for clip, each in heard:
        fates[clip.track].append((clip.start_ms, clip.end_ms, *_fate(each)))
        if each.readable and each.text:
            segments += _segments(clip, each, plan.channels[clip.track].channel, _near(clip, turns or ()))
    segments.sort(key=lambda segment: (segment.start_ms, segment.channel))
    stretches = [
        stretch
        for track, own in zip(plan.channels, fates, strict=True)
        for stretch in _account(plan, track.channel, own)
    ]
    channels = len(plan.channels)
    problems = unaccounted(stretches, channels, plan.duration_ms) + disordered(segments, plan.duration_ms)
    if problems:
        raise EngineFailed(EngineFault.INTERNAL, f"The transcript does not account for the audio: {problems[0]}.")
    return Transcript(
        duration_ms=plan.duration_ms,
        channels=channels,
        language=language,
        engine=engine,
        segments=tuple(segments),
        stretches=tuple(stretches),
        missing_ms=plan.missing_ms,
    )


def _in_order(plan: Plan, results: Sequence[PieceResult]) -> list[tuple[TrackClip, Heard]]:
    by_number = {result.number: result for result in results}
    pairs = []
    for piece in plan.pieces:
        if piece.number not in by_number:
            raise EngineFailed(EngineFault.INTERNAL, f"Piece {piece.number} of the recording was not recognised.")
        pairs += list(zip(piece.clips, by_number[piece.number].heard, strict=True))
    return pairs


def _refuse_foreign(heard: Sequence[tuple[TrackClip, Heard]]) -> None:
    """Most words unreadable, or unbelievable as a whole, means another language; then the rest is nonsense too."""
    judged = [(len(each.words), each.confidence, each.readable) for _, each in heard if each.words]
    total = sum(words for words, _, _ in judged)
    unreadable = sum(words for words, _, readable in judged if not readable)
    weight = sum(words for words, confidence, _ in judged if confidence is not None) + _BENEFIT_OF_DOUBT
    mean = (sum(words * (confidence or 0) for words, confidence, _ in judged) + _MIDDLING * _BENEFIT_OF_DOUBT) / weight
    if total >= _FOREIGN_LEAST_WORDS and (unreadable > total * _FOREIGN_SHARE or mean < _BELIEVABLE):
        message = "The speech could not be understood: it is in another language, or too unclear."
        raise EngineFailed(EngineFault.UNINTELLIGIBLE, message)


def _fate(heard: Heard) -> tuple[Fate, str | None]:
    if not heard.readable:
        return Fate.FAILED, UNREADABLE
    return (Fate.RECOGNISED, None) if heard.text else (Fate.NO_SPEECH, None)


def _segments(clip: TrackClip, heard: Heard, channel: int, turns: Sequence[Turn]) -> Iterator[Segment]:
    """The clip's utterances: cut at long pauses and where the speaker changes."""
    if not heard.words:
        middle = Word("", clip.start_ms, clip.end_ms)
        speaker = _speaker(middle, turns, None)
        yield Segment(channel, clip.start_ms, clip.end_ms, heard.text, (), heard.confidence, speaker)
        return
    words = _with_speakers(_placed(clip, heard.words), turns)
    borders = [
        index + 1
        for index, (word, following) in enumerate(pairwise(words))
        if following.start_ms - word.end_ms >= PAUSE_MS or following.speaker != word.speaker
    ]
    for first, last in pairwise([0, *borders, len(words)]):
        own = words[first:last]
        text = " ".join(word.text for word in own)
        end_ms = max(word.end_ms for word in own)
        yield Segment(channel, own[0].start_ms, end_ms, text, tuple(own), _confidence(own), own[0].speaker)


def _near(clip: TrackClip, turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns around a clip; all of them when there is none, so that the nearest can be found."""
    around = [
        turn for turn in turns if turn.end_ms > clip.start_ms - _AROUND_MS and turn.start_ms < clip.end_ms + _AROUND_MS
    ]
    return around or turns


def _placed(clip: TrackClip, words: Sequence[Word]) -> list[Word]:
    """Words on the timeline of the file, inside their clip, never going back."""
    placed = []
    least = clip.start_ms
    for word in words:
        start = min(max(least, clip.start_ms + word.start_ms), clip.end_ms)
        placed.append(replace(word, start_ms=start, end_ms=min(max(start, clip.start_ms + word.end_ms), clip.end_ms)))
        least = start
    return placed


def _with_speakers(words: Sequence[Word], turns: Sequence[Turn]) -> list[Word]:
    if not turns:
        return list(words)
    spoken: list[Word] = []
    for word in words:
        spoken.append(replace(word, speaker=_speaker(word, turns, spoken[-1].speaker if spoken else None)))
    return spoken


def _speaker(word: Word, turns: Sequence[Turn], before: int | None) -> int | None:
    """Whose turn covers most of the word; the nearest turn when none does, unless it is far away."""
    if not turns:
        return None
    covered: dict[int, int] = {}
    for turn in turns:
        shared = min(word.end_ms, turn.end_ms) - max(word.start_ms, turn.start_ms)
        if shared > 0:
            covered[turn.speaker] = covered.get(turn.speaker, 0) + shared
    if covered:
        return max(covered, key=lambda speaker: (covered[speaker], speaker == before, -speaker))
    away = {turn: max(turn.start_ms - word.end_ms, word.start_ms - turn.end_ms) for turn in turns}
    nearest = min(away, key=lambda turn: (away[turn], turn.speaker != before))
    return nearest.speaker if before is None or away[nearest] <= _NEAR_MS else before


def _confidence(words: Sequence[Word]) -> float | None:
    known = [word.confidence for word in words if word.confidence is not None]
    return round(sum(known) / len(known), 3) if known else None


def _account(plan: Plan, channel: int, own: Sequence[_Marked]) -> Iterator[Stretch]:
    """Stretches from 0 to the end without gaps: what could not be decoded, then the clips, the rest without speech."""
    lost = [(each.start_ms, min(each.end_ms, plan.duration_ms), Fate.FAILED, each.reason) for each in plan.lost]
    marked = _filled(sorted(lost), _filled(sorted(own), [(0, plan.duration_ms, Fate.NO_SPEECH, None)]))
    joined: list[_Marked] = []
    for start, end, fate, reason in marked:
        if joined and joined[-1][2:] == (fate, reason):
            joined[-1] = (joined[-1][0], end, fate, reason)
        else:
            joined.append((start, end, fate, reason))
    return (Stretch(channel, start, end, fate, reason) for start, end, fate, reason in joined)


def _filled(above: Sequence[_Marked], below: Sequence[_Marked]) -> list[_Marked]:
    """Both in order of time and without overlaps: `below` wherever `above` leaves it to be seen."""
    laid: list[_Marked] = []
    covers = deque(above)
    for start, end, fate, reason in below:
        at = start
        while covers and covers[0][0] < end:
            cover = covers[0]
            if at < cover[0]:
                laid.append((at, cover[0], fate, reason))
            if at < min(cover[1], end):
                laid.append((max(at, cover[0]), min(cover[1], end), *cover[2:]))
            at = max(at, min(cover[1], end))
            if cover[1] > end:
                break
            covers.popleft()
        if at < end:
            laid.append((at, end, fate, reason))
    return laid
