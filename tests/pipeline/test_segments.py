"""Pieces are short, complete and in order, and a plan survives the database."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from polyscribe.audio.channels import Layout
from polyscribe.audio.clips import Clip
from polyscribe.pipeline.segments import PIECE_MS, Lost, Plan, Track, TrackClip, pieces_of


def clips_of(lengths: list[tuple[int, int]]) -> list[Clip]:
    clips, at = [], 0
    for pause, length in lengths:
        clips.append(Clip(at + pause, at + pause + length))
        at += pause + length
    return clips


tracks = st.lists(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 12_500)), max_size=20).map(clips_of), max_size=2
)


@given(tracks)
def test_every_clip_is_in_one_piece(clips: list[list[Clip]]) -> None:
    pieces = pieces_of(clips)

    placed = [clip for piece in pieces for clip in piece.clips]
    wanted = [TrackClip(index, clip.start_ms, clip.end_ms) for index, own in enumerate(clips) for clip in own]
    assert sorted(placed, key=repr) == sorted(wanted, key=repr)


@given(tracks)
def test_a_piece_spans_half_a_minute_at_most(clips: list[list[Clip]]) -> None:
    for piece in pieces_of(clips):
        starts, ends = zip(*((clip.start_ms, clip.end_ms) for clip in piece.clips), strict=True)
        assert max(ends) - min(starts) <= PIECE_MS


@given(tracks)
def test_pieces_are_numbered_in_order_of_time(clips: list[list[Clip]]) -> None:
    pieces = pieces_of(clips)

    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    starts = [piece.clips[0].start_ms for piece in pieces]
    assert starts == sorted(starts)


def test_a_plan_survives_the_database() -> None:
    pieces = pieces_of([[Clip(0, 900), Clip(40_000, 41_000)], [Clip(500, 1_500)]])
    tracks = (Track(0, (0,)), Track(1, (1,)))
    plan = Plan(60_000, 2, Layout.DUAL, tracks, pieces, (Lost(10, 20, "damaged"),))

    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
