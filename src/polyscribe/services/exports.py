"""A transcript as a file that people and other programs read: txt, json, srt, vtt. Pure; knows no file and no store."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from polyscribe.domain.errors import BadInput
from polyscribe.domain.transcript import Segment, Transcript, Word

CUE_CHARACTERS = 84
CUE_MS = 7000
LINE_CHARACTERS = 42
"""A subtitle is at most two lines of 42 characters and 7 s (the usual house rule of broadcasters)."""

Names = Mapping[int, str]
"""Who is on a channel, where that is known."""


@dataclass(frozen=True, slots=True)
class _Cue:
    start_ms: int
    end_ms: int
    who: str | None
    text: str


def render(transcript: Transcript, form: str, names: Names | None = None) -> str:
    """The transcript in the form `txt`, `json`, `srt` or `vtt`.

    Raises:
        BadInput: no such form.
    """
    if form not in WRITERS:
        raise BadInput(f"There is no format {form!r}: choose {', '.join(WRITERS)}.", "format")
    return WRITERS[form](transcript, names or {})


def who(segment: Segment, channels: int, names: Names) -> str | None:
    """The name of the speaker as far as it is known: by channel, by voice, by both; None for a lone voice."""
    parts = []
    if channels > 1 or segment.channel in names:
        parts.append(names.get(segment.channel, f"Channel {segment.channel + 1}"))
    if segment.speaker is not None:
        parts.append(f"Speaker {segment.speaker + 1}")
    return ", ".join(parts) or None


def _txt(transcript: Transcript, names: Names) -> str:
    lines = []
    for segment in transcript.segments:
        speaker = who(segment, transcript.channels, names)
        lines.append(segment.text if speaker is None else f"{speaker}: {segment.text}")
    return "".join(f"{line}\n" for line in lines)


def _json(transcript: Transcript, names: Names) -> str:
    content = {
        "text": transcript.text,
        "language": transcript.language,
        "engine": transcript.engine,
        "duration_ms": transcript.duration_ms,
        "missing_ms": transcript.missing_ms,
        "channels": transcript.channels,
        "segments": [_segment(segment, transcript.channels, names) for segment in transcript.segments],
        "stretches": [
            {
                "channel": stretch.channel,
                "start_ms": stretch.start_ms,
                "end_ms": stretch.end_ms,
                "fate": stretch.fate.value,
                **({} if stretch.reason is None else {"reason": stretch.reason}),
            }
            for stretch in transcript.stretches
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _segment(segment: Segment, channels: int, names: Names) -> dict[str, object]:
    return {
        "channel": segment.channel,
        "speaker": segment.speaker,
        "who": who(segment, channels, names),
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "confidence": segment.confidence,
        "text": segment.text,
        "words": [
            {
                "text": word.text,
                "start_ms": word.start_ms,
                "end_ms": word.end_ms,
                "confidence": word.confidence,
                "speaker": word.speaker,
            }
            for word in segment.words
        ],
    }


def _srt(transcript: Transcript, names: Names) -> str:
    blocks = []
    for number, cue in enumerate(_cues(transcript, names), 1):
        text = cue.text if cue.who is None else f"{cue.who}: {cue.text}"
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{_wrapped(text)}\n")
    return "\n".join(blocks)


def _vtt(transcript: Transcript, names: Names) -> str:
    blocks = ["WEBVTT\n"]
    for cue in _cues(transcript, names):
        text = _escaped(_wrapped(cue.text))
        voiced = text if cue.who is None else f"<v {_escaped(cue.who)}>{text}"
        blocks.append(f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{voiced}\n")
    return "\n".join(blocks)


def _cues(transcript: Transcript, names: Names) -> Iterator[_Cue]:
    for segment in transcript.segments:
        speaker = who(segment, transcript.channels, names)
        if not segment.words:
            yield _Cue(segment.start_ms, segment.end_ms, speaker, segment.text)
        for words in _lines(segment.words):
            yield _Cue(words[0].start_ms, words[-1].end_ms, speaker, " ".join(word.text for word in words))


def _lines(words: tuple[Word, ...]) -> Iterator[list[Word]]:
    """The words in portions that fit a subtitle, the first as full as the others."""
    portion: list[Word] = []
    for word in words:
        length = sum(len(each.text) + 1 for each in portion) + len(word.text)
        if portion and (length > CUE_CHARACTERS or word.end_ms - portion[0].start_ms > CUE_MS):
            yield portion
            portion = []
        portion.append(word)
    if portion:
        yield portion


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE_CHARACTERS, break_long_words=False, break_on_hyphens=False))


def _clock(at_ms: int, point: str) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


WRITERS: Mapping[str, Callable[[Transcript, Names], str]] = {"txt": _txt, "json": _json, "srt": _srt, "vtt": _vtt}
