"""What of a recording is to be recognised: tracks, clips and pieces, as a plan that fits into a database row.

A piece is the unit of checkpoints: at most half a minute of the timeline. Pure values; knows no sound and no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polyscribe.audio.channels import Layout
from polyscribe.audio.clips import Clip
from polyscribe.audio.decode import Lost

PIECE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of the transcript: the channel that it has there, and the channels of the file that it mixes."""

    channel: int
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrackClip:
    """A clip of the track with that position in `Plan.channels`."""

    track: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Clips that are recognised in one step; `number` counts from 0."""

    number: int
    clips: tuple[TrackClip, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`channels` are the tracks of the transcript, `source_channels` the number of channels of the file.

    `missing_ms` is how much more sound the header of a cut-off file promised, after `duration_ms`.
    """

    duration_ms: int
    source_channels: int
    layout: Layout
    channels: tuple[Track, ...]
    pieces: tuple[Piece, ...]
    lost: tuple[Lost, ...] = ()
    missing_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal plan."""
        return {
            "duration_ms": self.duration_ms,
            "source_channels": self.source_channels,
            "layout": self.layout.value,
            "channels": [[track.channel, list(track.sources)] for track in self.channels],
            "pieces": [[[clip.track, clip.start_ms, clip.end_ms] for clip in piece.clips] for piece in self.pieces],
            "missing_ms": self.missing_ms,
            "lost": [[lost.start_ms, lost.end_ms, lost.reason] for lost in self.lost],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        pieces = [tuple(TrackClip(*clip) for clip in clips) for clips in values["pieces"]]
        return cls(
            duration_ms=values["duration_ms"],
            source_channels=values["source_channels"],
            layout=Layout(values["layout"]),
            channels=tuple(Track(channel, tuple(sources)) for channel, sources in values["channels"]),
            pieces=tuple(Piece(number, clips) for number, clips in enumerate(pieces)),
            missing_ms=values["missing_ms"],
            lost=tuple(Lost(*lost) for lost in values["lost"]),
        )


def pieces_of(clips: Sequence[Sequence[Clip]]) -> tuple[Piece, ...]:
    """The clips of all tracks in order of time, in pieces of at most `PIECE_MS` from first start to last end.

    A clip that is longer than that gets a piece of its own.
    """
    merged = [TrackClip(track, clip.start_ms, clip.end_ms) for track, own in enumerate(clips) for clip in own]
    merged.sort(key=lambda clip: (clip.start_ms, clip.track))
    groups: list[list[TrackClip]] = []
    for clip in merged:
        if groups and max(clip.end_ms, *(each.end_ms for each in groups[-1])) - groups[-1][0].start_ms <= PIECE_MS:
            groups[-1].append(clip)
        else:
            groups.append([clip])
    return tuple(Piece(number, tuple(group)) for number, group in enumerate(groups))
