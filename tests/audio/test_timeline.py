from __future__ import annotations

from polyscribe.audio.timeline import LONGEST_GAP_S, place

Given = tuple[str, float | None, float]


def starts(*frames: Given) -> dict[str, float]:
    return {name: round(start, 6) for _, start, name in place(frames)}


def gaps(*frames: Given) -> list[str]:
    return [name for has_gap, _, name in place(frames) if has_gap]


def test_frames_that_follow_each_other_are_joined() -> None:
    frames = [("a", 0.0, 1.0), ("b", 1.0, 1.0), ("c", 2.0, 1.0)]

    assert starts(*frames) == {"a": 0, "b": 1, "c": 2}
    assert gaps(*frames) == []


def test_a_hole_is_kept_open() -> None:
    frames = [("a", 0.0, 1.0), ("b", 1.5, 1.0), ("c", 2.5, 1.0)]

    assert starts(*frames) == {"a": 0, "b": 1.5, "c": 2.5}
    assert gaps(*frames) == ["b"]


def test_the_beginning_may_be_a_hole() -> None:
    assert starts(("a", 0.5, 1.0), ("b", 1.5, 1.0)) == {"a": 0.5, "b": 1.5}


def test_rounding_and_priming_open_no_hole() -> None:
    assert gaps(("a", 0.023, 0.02), ("b", 0.044, 0.02), ("c", 0.063, 0.02)) == []


def test_a_slow_clock_is_followed() -> None:
    frames: list[Given] = [(str(index), index * 0.021, 0.02) for index in range(1000)]

    assert abs(starts(*frames)["999"] - 999 * 0.021) <= 0.04


def test_jitter_does_not_lengthen_the_sound() -> None:
    frames: list[Given] = [(str(index), index * 0.02 + (index % 2) * 0.1, 0.02) for index in range(1000)]

    assert starts(*frames)["999"] < 999 * 0.02 + 0.101


def test_overlapping_frames_are_joined() -> None:
    assert starts(("a", 0.0, 1.0), ("b", 0.5, 1.0), ("c", 1.0, 1.0)) == {"a": 0, "b": 1, "c": 2}


def test_frames_without_time_are_joined() -> None:
    assert starts(("a", None, 1.0), ("b", None, 1.0)) == {"a": 0, "b": 1}


def test_a_long_hole_is_believed_when_the_next_frame_confirms_it() -> None:
    frames = [("a", 0.0, 1.0), ("b", 300.0, 1.0), ("c", 301.0, 1.0)]

    assert starts(*frames) == {"a": 0, "b": 300, "c": 301}


def test_one_damaged_time_moves_nothing() -> None:
    frames = [("a", 0.0, 1.0), ("b", 900.0, 1.0), ("c", 2.0, 1.0)]

    assert starts(*frames) == {"a": 0, "b": 1, "c": 2}


def test_a_damaged_time_at_the_end_moves_nothing() -> None:
    assert starts(("a", 0.0, 1.0), ("b", 900.0, 1.0)) == {"a": 0, "b": 1}


def test_a_clock_that_was_set_back_goes_on_from_there() -> None:
    frames = [("a", 50.0, 1.0), ("b", 51.0, 1.0), ("c", 0.0, 1.0), ("d", 1.0, 1.0), ("e", 2.5, 1.0)]

    assert starts(*frames) == {"a": 50, "b": 51, "c": 52, "d": 53, "e": 54.5}


def test_an_absurd_jump_is_a_clock_that_was_set() -> None:
    far = LONGEST_GAP_S * 10
    frames = [("a", 0.0, 1.0), ("b", far, 1.0), ("c", far + 1, 1.0)]

    assert starts(*frames) == {"a": 0, "b": 1, "c": 2}
