"""From samples to values with a recogniser that only looks at how loud it is, and once with the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from polyscribe.audio import decode
from polyscribe.audio.channels import Found, Layout
from polyscribe.audio.spool import SpoolReader
from polyscribe.domain.errors import SourceFailed, SourceFault
from polyscribe.domain.transcript import Word
from polyscribe.domain.transcription import ChannelMode
from polyscribe.pipeline.assemble import assemble
from polyscribe.pipeline.recording import Block, PieceResult, Tracks, arrange, prepare, recognise
from polyscribe.pipeline.segments import Lost, Plan, Track
from polyscribe.ports import Abilities, Heard, Samples
from voices import spoken


class Ear:
    """An engine that writes down the loudest sample of each clip in percent."""

    name = "ear"
    abilities = Abilities(
        frozenset({"en"}), words=True, confidence=False, streaming=False, diarization=False, licence=""
    )

    def recognise(self, clips: Sequence[Samples], language: str | None) -> list[Heard]:
        return [Heard(f"{100 * np.abs(clip).max():.0f}", (Word("x", 0, len(clip) // 16),)) for clip in clips]


@pytest.fixture(scope="module")
def voice() -> Samples:
    return spoken("beckett.wav", 0, 9)


def blocks(*channels: Samples, length: int = 5_000) -> Iterator[Block]:
    frames = (np.stack(channels, axis=1) * 32_767).astype(np.int16)
    yield from (frames[start : start + length] for start in range(0, len(frames), length))


def planned(tmp_path: Path, *channels: Samples, mode: ChannelMode = ChannelMode.AUTO) -> Plan:
    return prepare(blocks(*channels), tmp_path / "sound", mode)


def heard_by_ear(tmp_path: Path, plan: Plan) -> list[PieceResult]:
    with SpoolReader(tmp_path / "sound") as sound:
        return [recognise(sound, piece, plan, Ear(), "en") for piece in plan.pieces]


def test_a_voice_becomes_clips_where_it_is(tmp_path: Path, voice: Samples) -> None:
    silence = np.zeros(60 * 16_000, np.float32)

    plan = planned(tmp_path, np.concatenate([silence, voice, silence]))

    assert plan.duration_ms == 129_000
    assert all(59_000 < clip.start_ms < clip.end_ms < 70_500 for piece in plan.pieces for clip in piece.clips)
    assert plan.pieces


def test_silence_needs_no_recognition(tmp_path: Path) -> None:
    plan = planned(tmp_path, np.zeros(16_000, np.float32))

    assert plan.pieces == ()


def test_a_quiet_voice_is_found_as_well(tmp_path: Path, voice: Samples) -> None:
    loud, quiet = planned(tmp_path, voice), planned(tmp_path, voice * np.float32(0.01))

    spans = [(each.pieces[0].clips[0].start_ms, each.pieces[-1].clips[-1].end_ms) for each in (loud, quiet)]
    assert np.abs(np.subtract(*spans)).max() <= 300


def test_the_sides_of_a_call_are_planned_apart_and_cross_talk_is_not_heard_twice(
    tmp_path: Path, voice: Samples
) -> None:
    silence = np.zeros_like(voice)
    first, second = np.concatenate([voice, silence]), np.concatenate([silence, voice])

    plan = planned(tmp_path, first + np.float32(0.2) * second, second + np.float32(0.2) * np.roll(first, 1_600))

    assert plan.channels == (Track(0, (0,)), Track(1, (1,)))
    for piece in plan.pieces:
        for clip in piece.clips:
            assert (clip.start_ms + clip.end_ms) / 2 // 9_000 == clip.track


def test_the_same_thing_twice_is_heard_once(tmp_path: Path, voice: Samples) -> None:
    plan = planned(tmp_path, voice, voice)

    assert plan.channels == (Track(0, (0,)),)


def test_a_mix_is_heard_as_one(tmp_path: Path, voice: Samples) -> None:
    plan = planned(tmp_path, voice, np.zeros_like(voice) + np.float32(0.01), mode=ChannelMode.MIX)

    assert plan.channels == (Track(0, (0, 1)),)


def test_tracks_are_the_mean_of_their_sources(tmp_path: Path) -> None:
    planned(tmp_path, np.full(1_000, 0.5, np.float32), np.full(1_000, 0.25, np.float32))

    with SpoolReader(tmp_path / "sound") as sound:
        mixed = Tracks(sound, [Track(0, (0, 1))]).read(0, 10, 20)

    assert mixed == pytest.approx(np.full(10, 0.375), abs=1e-4)


@pytest.mark.parametrize(
    ("layout", "mode", "sources"),
    [
        (Layout.DUAL, ChannelMode.AUTO, [(0,), (1,)]),
        (Layout.DUAL, ChannelMode.MIX, [(0, 1)]),
        (Layout.ROOM, ChannelMode.AUTO, [(0, 1)]),
        (Layout.ROOM, ChannelMode.SPLIT, [(0,), (1,)]),
        (Layout.IDENTICAL, ChannelMode.AUTO, [(0,)]),
        (Layout.IDENTICAL, ChannelMode.MIX, [(0,)]),
        (Layout.ANTIPHASE, ChannelMode.AUTO, [(1,)]),
        (Layout.ANTIPHASE, ChannelMode.MIX, [(1,)]),
        (Layout.ONE_SILENT, ChannelMode.MIX, [(1,)]),
        (Layout.ONE_SILENT, ChannelMode.AUTO, [(0,), (1,)]),
    ],
)
def test_tracks_follow_from_layout_and_wish(layout: Layout, mode: ChannelMode, sources: list[tuple[int, ...]]) -> None:
    _, tracks = arrange(Found(layout, (False, False), (-30.0, -20.0)), mode)

    assert [track.sources for track in tracks] == sources


def test_nothing_at_all_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as caught:
        prepare([], tmp_path / "sound", ChannelMode.AUTO)

    assert caught.value.fault is SourceFault.NO_AUDIO


def test_more_than_two_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as caught:
        planned(tmp_path, *[np.zeros(100, np.float32)] * 3)

    assert caught.value.fault is SourceFault.TOO_MANY_CHANNELS


def test_what_was_lost_is_asked_for_at_the_end(tmp_path: Path, voice: Samples) -> None:
    lost: list[decode.Lost] = []

    def arriving() -> Iterator[Block]:
        yield from blocks(voice)
        lost.append(decode.Lost(1_000, 2_000, "damaged"))

    plan = prepare(arriving(), tmp_path / "sound", ChannelMode.AUTO, lambda: decode.Summary(0, tuple(lost), 300))

    assert plan.lost == (Lost(1_000, 2_000, "damaged"),)
    assert plan.missing_ms == 300


def test_a_result_survives_the_database(tmp_path: Path, voice: Samples) -> None:
    results = heard_by_ear(tmp_path, planned(tmp_path, voice))

    assert [PieceResult.from_json(json.loads(json.dumps(each.to_json()))) for each in results] == results


def test_planning_twice_gives_the_same(tmp_path: Path, voice: Samples) -> None:
    again = prepare(blocks(voice, length=333), tmp_path / "sound", ChannelMode.AUTO)

    assert again == planned(tmp_path, voice)


def test_the_line_holds_from_samples_to_transcript(tmp_path: Path, voice: Samples) -> None:
    plan = planned(tmp_path, voice, np.roll(voice, 80_000) * np.float32(0.3), mode=ChannelMode.SPLIT)

    transcript = assemble(plan, heard_by_ear(tmp_path, plan), "en", "ear")

    assert transcript.channels == 2
    assert {segment.channel for segment in transcript.segments} == {0, 1}
