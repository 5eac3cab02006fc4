"""Exports: what a transcript looks like in each form."""

from __future__ import annotations

import json

import pytest

from polyscribe.domain.errors import BadInput
from polyscribe.domain.transcript import Fate, Segment, Stretch, Transcript, Word
from polyscribe.services import exports


def transcript(*segments: Segment, channels: int = 1) -> Transcript:
    stretches = tuple(Stretch(channel, 0, 20_000, Fate.RECOGNISED) for channel in range(channels))
    return Transcript(20_000, channels, "en", "fake", segments, stretches)


CALL = transcript(
    Segment(0, 600, 1500, "Good day.", (Word("Good", 600, 900, 0.9), Word("day.", 950, 1500, 0.8)), 0.85),
    Segment(1, 1700, 2500, "Hi, A & B <here>."),
    channels=2,
)


def test_plain_text_names_the_channels_of_a_call() -> None:
    assert exports.render(CALL, "txt") == "Channel 1: Good day.\nChannel 2: Hi, A & B <here>.\n"


def test_known_names_stand_for_their_channels() -> None:
    text = exports.render(CALL, "txt", {0: "Anna"})

    assert text.splitlines()[0] == "Anna: Good day."


def test_a_lone_voice_has_no_name() -> None:
    assert exports.render(transcript(Segment(0, 0, 900, "Hello.")), "txt") == "Hello.\n"


def test_voices_on_one_channel_are_numbered_from_one() -> None:
    found = transcript(Segment(0, 0, 900, "Hello.", speaker=0), Segment(0, 900, 1900, "Hi.", speaker=1))

    assert exports.render(found, "txt") == "Speaker 1: Hello.\nSpeaker 2: Hi.\n"


def test_json_carries_words_times_confidences_and_the_fate_of_all_audio() -> None:
    content = json.loads(exports.render(CALL, "json"))

    first = content["segments"][0]
    assert first["words"][1] == {"text": "day.", "start_ms": 950, "end_ms": 1500, "confidence": 0.8, "speaker": None}
    assert (first["who"], first["confidence"]) == ("Channel 1", 0.85)
    assert content["stretches"][1] == {"channel": 1, "start_ms": 0, "end_ms": 20_000, "fate": "recognised"}
    assert content["text"] == "Good day. Hi, A & B <here>."


def test_srt_numbers_its_cues_and_has_a_comma_before_the_milliseconds() -> None:
    assert exports.render(CALL, "srt") == (
        "1\n00:00:00,600 --> 00:00:01,500\nChannel 1: Good day.\n\n"
        "2\n00:00:01,700 --> 00:00:02,500\nChannel 2: Hi, A & B <here>.\n"
    )


def test_vtt_marks_voices_and_escapes_its_text() -> None:
    assert exports.render(CALL, "vtt") == (
        "WEBVTT\n\n00:00:00.600 --> 00:00:01.500\n<v Channel 1>Good day.\n\n"
        "00:00:01.700 --> 00:00:02.500\n<v Channel 2>Hi, A &amp; B &lt;here&gt;.\n"
    )


def test_a_long_utterance_becomes_subtitles_of_two_lines_and_seven_seconds_at_most() -> None:
    words = tuple(Word(f"word{number:02}", number * 500, number * 500 + 400) for number in range(39))
    found = transcript(Segment(0, 0, 19_400, " ".join(word.text for word in words), words))

    blocks = exports.render(found, "srt").split("\n\n")

    lines = [line for block in blocks for line in block.splitlines()[2:]]
    assert [block.splitlines()[1] for block in blocks][:2] == [
        "00:00:00,000 --> 00:00:05,900",
        "00:00:06,000 --> 00:00:11,900",
    ]
    assert max(map(len, lines)) <= 42
    assert " ".join(lines) == found.text


def test_positions_beyond_an_hour_keep_counting() -> None:
    found = transcript(Segment(0, 36_061_007, 36_061_007, "Late."))

    assert "10:01:01,007 --> 10:01:01,007" in exports.render(found, "srt")


def test_a_transcript_without_words_is_an_empty_file_of_its_form() -> None:
    assert exports.render(transcript(), "txt") == ""
    assert exports.render(transcript(), "vtt") == "WEBVTT\n"


def test_an_unknown_form_is_refused_with_those_that_exist() -> None:
    with pytest.raises(BadInput, match="txt, json, srt, vtt"):
        exports.render(CALL, "pdf")
