"""What was heard is put in order, given to its speakers, and every millisecond is accounted for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.audio.channels import Layout
from polyscribe.audio.clips import Clip
from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.domain.transcript import Fate, Turn, Word, disordered, unaccounted
from polyscribe.pipeline.assemble import assemble
from polyscribe.pipeline.recording import PieceResult
from polyscribe.pipeline.segments import Lost, Plan, Track, pieces_of
from polyscribe.ports import Heard


def plan_of(*clips: list[Clip], duration_ms: int = 30_000) -> Plan:
    tracks = tuple(Track(channel, (channel,)) for channel in range(len(clips)))
    layout = Layout.DUAL if len(clips) == 2 else Layout.MONO
    return Plan(duration_ms, len(clips), layout, tracks, pieces_of(clips))


def heard(*words: tuple[str, int, int], confidence: float = 0.9, readable: bool = True) -> Heard:
    spoken = tuple(Word(text, start, end, confidence) for text, start, end in words)
    return Heard(" ".join(word.text for word in spoken), spoken, confidence if spoken else None, readable)


def results_of(plan: Plan, *each: Heard) -> list[PieceResult]:
    """One heard per clip, in order of the pieces."""
    left = iter(each)
    return [PieceResult(piece.number, tuple(next(left) for _ in piece.clips)) for piece in plan.pieces]


def test_words_are_placed_on_the_timeline_of_the_file() -> None:
    plan = plan_of([Clip(10_000, 12_000)])

    transcript = assemble(plan, results_of(plan, heard(("Hello", 100, 500), ("there.", 600, 900))), "en", "x")

    assert [(word.text, word.start_ms, word.end_ms) for word in transcript.segments[0].words] == [
        ("Hello", 10_100, 10_500),
        ("there.", 10_600, 10_900),
    ]
    assert (transcript.segments[0].start_ms, transcript.segments[0].end_ms) == (10_100, 10_900)


def test_the_sides_of_a_call_are_interleaved_by_time() -> None:
    plan = plan_of([Clip(0, 9_000)], [Clip(2_000, 4_000)])
    agent = heard(("Hello?", 200, 900), ("Fine.", 6_000, 7_000))
    caller = heard(("Hi.", 500, 900))

    transcript = assemble(plan, results_of(plan, agent, caller), "en", "x")

    assert [(segment.channel, segment.text) for segment in transcript.segments] == [
        (0, "Hello?"),
        (1, "Hi."),
        (0, "Fine."),
    ]


def test_words_go_to_speakers_by_word_and_segments_split_where_they_change() -> None:
    plan = plan_of([Clip(0, 4_000)])
    turns = [Turn(0, 1_000, 0), Turn(1_000, 4_000, 1)]
    words = heard(("How", 100, 300), ("much?", 350, 900), ("Ten", 1_050, 1_400), ("euros.", 1_450, 2_000))

    transcript = assemble(plan, results_of(plan, words), "en", "x", turns)

    assert [(segment.speaker, segment.text) for segment in transcript.segments] == [(0, "How much?"), (1, "Ten euros.")]


def test_a_word_between_turns_goes_to_the_nearest() -> None:
    plan = plan_of([Clip(0, 4_000)])
    turns = [Turn(0, 1_000, 0), Turn(2_000, 4_000, 1)]

    transcript = assemble(plan, results_of(plan, heard(("Well", 1_700, 1_900))), "en", "x", turns)

    assert transcript.segments[0].speaker == 1


def test_every_fate_has_its_stretch() -> None:
    plan = replace(
        plan_of([Clip(1_000, 3_000), Clip(10_000, 12_000), Clip(20_000, 21_000)]), lost=(Lost(2_500, 5_000, "damaged"),)
    )
    unread = heard(("Xyz", 0, 100), confidence=0.3, readable=False)

    transcript = assemble(plan, results_of(plan, heard(("Yes.", 0, 500)), unread, Heard("")), "en", "x")

    assert [(each.start_ms, each.end_ms, each.fate, each.reason) for each in transcript.stretches] == [
        (0, 1_000, Fate.NO_SPEECH, None),
        (1_000, 2_500, Fate.RECOGNISED, None),
        (2_500, 5_000, Fate.FAILED, "damaged"),
        (5_000, 10_000, Fate.NO_SPEECH, None),
        (10_000, 12_000, Fate.FAILED, "unintelligible"),
        (12_000, 30_000, Fate.NO_SPEECH, None),
    ]
    assert transcript.text == "Yes."


def test_a_file_that_is_unbelievable_as_a_whole_is_failed() -> None:
    plan = plan_of([Clip(0, 9_000)])
    nonsense = heard(*[("word", at * 300, at * 300 + 200) for at in range(20)], confidence=0.4)

    with pytest.raises(EngineFailed) as caught:
        assemble(plan, results_of(plan, nonsense), "en", "x")

    assert caught.value.fault is EngineFault.UNINTELLIGIBLE


def test_a_few_hard_words_do_not_condemn_a_file() -> None:
    plan = plan_of([Clip(0, 3_000)])
    accent = heard(*[("word", at * 300, at * 300 + 200) for at in range(5)], confidence=0.54)

    assert assemble(plan, results_of(plan, accent), "en", "x").text


def test_a_missing_piece_is_an_error() -> None:
    plan = plan_of([Clip(0, 1_000)])

    with pytest.raises(EngineFailed, match="Piece 0"):
        assemble(plan, [], "en", "x")


def test_silence_is_a_transcript_without_segments() -> None:
    transcript = assemble(plan_of([], []), [], "en", "x")

    assert transcript.segments == ()
    assert [stretch.fate for stretch in transcript.stretches] == [Fate.NO_SPEECH] * 2


def test_an_engine_without_word_times_gives_one_segment_per_clip() -> None:
    plan = plan_of([Clip(500, 2_000)])

    transcript = assemble(plan, results_of(plan, Heard("All of it.", (), 0.9)), "en", "x")

    assert [(each.start_ms, each.end_ms, each.text) for each in transcript.segments] == [(500, 2_000, "All of it.")]


words = st.lists(st.tuples(st.just("w"), st.integers(-50, 9_000), st.integers(-50, 9_000)), max_size=12)


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 9_000), words), max_size=8), st.integers(0, 1))
def test_whatever_an_engine_says_the_result_keeps_the_rules(
    clips: list[tuple[int, int, list[tuple[str, int, int]]]], second: int
) -> None:
    at, own, said = 0, [], []
    for pause, length, spoken in clips:
        own.append(Clip(at + pause, at + pause + length))
        said.append(heard(*sorted(spoken, key=lambda word: word[1])))
        at += pause + length
    plan = plan_of(own, *[[]] * second, duration_ms=at + 100)

    transcript = assemble(plan, results_of(plan, *said), "en", "x")

    assert unaccounted(transcript.stretches, 1 + second, at + 100) == []
    assert disordered(transcript.segments, at + 100) == []
