"""Transcripts: one row each, and a row for each of their segments, so that long ones can be read by the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.transcript import Fate, Segment, Stretch, Transcript, Word
from polyscribe.storage.tables import segments, transcripts

T = TypeVar("T")


ROWS_AT_ONCE = 500
"""A long call has ten thousand segments; their rows need not all be in memory at once."""


def replace(tx: sa.Connection, transcription_id: UUID, transcript: Transcript) -> None:
    """Store it; storing the same one again changes nothing."""
    delete(tx, transcription_id)
    tx.execute(
        transcripts.insert().values(
            transcription_id=transcription_id,
            duration_ms=transcript.duration_ms,
            missing_ms=transcript.missing_ms,
            channels=transcript.channels,
            language=transcript.language,
            engine=transcript.engine,
            stretches=[
                [each.channel, each.start_ms, each.end_ms, each.fate, each.reason] for each in transcript.stretches
            ],
        )
    )
    for some in batched(enumerate(transcript.segments), ROWS_AT_ONCE):
        tx.execute(segments.insert(), [_row(transcription_id, number, segment) for number, segment in some])


def by_id(tx: sa.Connection, transcription_id: UUID) -> Transcript | None:
    """The whole of it, with all segments and words."""
    row = tx.execute(sa.select(transcripts).where(transcripts.c.transcription_id == transcription_id)).one_or_none()
    if row is None:
        return None
    return Transcript(
        duration_ms=row.duration_ms,
        missing_ms=row.missing_ms,
        channels=row.channels,
        language=row.language,
        engine=row.engine,
        segments=tuple(page(tx, transcription_id, 0, None)),
        stretches=tuple(Stretch(a, b, c, Fate(fate), reason) for a, b, c, fate, reason in row.stretches),
    )


def page(tx: sa.Connection, transcription_id: UUID, first: int, limit: int | None) -> list[Segment]:
    """Segments from number `first`, at most `limit`, in order of start."""
    query = (
        sa.select(segments)
        .where(segments.c.transcription_id == transcription_id, segments.c.number >= first)
        .order_by(segments.c.number)
        .limit(limit)
    )
    return [_segment(row) for row in tx.execute(query)]


def delete(tx: sa.Connection, transcription_id: UUID) -> None:
    tx.execute(segments.delete().where(segments.c.transcription_id == transcription_id))
    tx.execute(transcripts.delete().where(transcripts.c.transcription_id == transcription_id))


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one shorter."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _row(transcription_id: UUID, number: int, segment: Segment) -> dict[str, Any]:
    return {
        "transcription_id": transcription_id,
        "number": number,
        "channel": segment.channel,
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "text": segment.text,
        "confidence": segment.confidence,
        "speaker": segment.speaker,
        "words": [[word.text, word.start_ms, word.end_ms, word.confidence, word.speaker] for word in segment.words],
    }


def _segment(row: sa.Row[Any]) -> Segment:
    return Segment(
        channel=row.channel,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        words=tuple(Word(*word) for word in row.words),
        confidence=row.confidence,
        speaker=row.speaker,
    )
