"""Prints of the same person come together, prints of different people do not, and long recordings stay affordable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyscribe.diarization import clustering
from polyscribe.diarization.clustering import Labels, Matrix, Space


def crowd(people: int, each: int, seed: int, noise: float = 0.02, width: int = 64) -> tuple[Matrix, Labels]:
    """Unit vectors around `people` centres that stand at right angles, in mixed order, and whose they are."""
    random = np.random.default_rng(seed)
    centres = np.linalg.qr(random.normal(size=(width, people)))[0].T
    whose = random.permutation(np.repeat(np.arange(people), each))
    return clustering.normalised(centres[whose] + random.normal(0, noise, (len(whose), width))), whose


def agree(left: NDArray[np.intp], right: NDArray[np.intp]) -> bool:
    """Whether both divide in the same way, whatever the names."""
    return bool(((left[:, None] == left) == (right[:, None] == right)).all())


@pytest.fixture(scope="module")
def space() -> Space:
    return clustering.load_space()


def drawn(space: Space, people: int, each: int, seed: int) -> tuple[Matrix, Labels]:
    """Features of people as the speaker space believes them to be: between-variance as stated, within-variance one."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, 128)) * np.sqrt(space.between)
    whose = np.repeat(np.arange(people), each)
    return centres[whose] + random.normal(size=(len(whose), 128)), whose


@given(people=st.integers(1, 6), each=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_clear_groups_are_found_whatever_their_number(people: int, each: int, seed: int) -> None:
    points, whose = crowd(people, each, seed)

    assert agree(clustering.agglomerate(points, 0.8), whose)


@given(people=st.integers(2, 5), seed=st.integers(0, 100))
@settings(max_examples=3, deadline=None)
def test_more_points_than_are_compared_at_once_give_the_same_groups(people: int, seed: int) -> None:
    points, whose = crowd(people, 1200 // people, seed)

    assert agree(clustering.agglomerate(points, 0.8), whose)


@given(seed=st.integers(0, 1000), stop_at=st.floats(0.1, 1.5))
@settings(max_examples=40, deadline=None)
def test_labels_count_from_zero_without_gaps(seed: int, stop_at: float) -> None:
    points = clustering.normalised(np.random.default_rng(seed).normal(size=(30, 8)))

    labels = clustering.agglomerate(points, stop_at)

    assert sorted(set(labels.tolist())) == list(range(int(labels.max()) + 1))


def test_a_wider_stop_never_gives_more_groups() -> None:
    points = clustering.normalised(np.random.default_rng(3).normal(size=(60, 6)))

    counts = [int(clustering.agglomerate(points, stop_at).max()) for stop_at in (0.2, 0.5, 0.8, 1.1, 2.0)]

    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_heavy_point_draws_the_centre_of_its_group() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.9, 0.0]])

    light = clustering.agglomerate(points, 1.0, np.array([1.0, 1.0, 0.1]))
    heavy = clustering.agglomerate(points, 1.0, np.array([100.0, 0.1, 0.1]))

    assert agree(light, np.array([0, 1, 1]))
    assert agree(heavy, np.array([0, 1, 1]))


@given(people=st.integers(1, 4), seed=st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_a_start_with_too_many_speakers_is_brought_together(space: Space, people: int, seed: int) -> None:
    features, whose = drawn(space, people, 20, seed)
    # Every person begins as two.
    start = whose * 2 + np.arange(len(whose)) % 2

    shares = clustering.mix(features, space.between, start)

    assert agree(shares.argmax(axis=1), whose)


def test_shares_leave_nobody_out(space: Space) -> None:
    features, whose = drawn(space, 3, 15, seed=1)

    shares = clustering.mix(features, space.between, whose)

    assert np.allclose(shares.sum(axis=1), 1)


def test_a_stray_print_is_no_speaker_of_its_own(space: Space) -> None:
    features, _ = drawn(space, 1, 40, seed=2)
    start = np.zeros(40, np.intp)
    start[7] = 1

    assert clustering.mix(features, space.between, start).shape[1] == 1


def test_the_rows_of_the_rotation_stand_for_the_between_variance_in_falling_order(space: Space) -> None:
    assert (np.diff(space.between) <= 0).all()
    assert space.features(np.random.default_rng(0).normal(size=(4, 256))).shape == (4, 128)


def test_prints_from_little_speech_join_the_nearest_speaker(space: Space) -> None:
    points, whose = crowd(2, 12, seed=8, width=256)
    clean_s = np.full(24, 5.0)
    clean_s[[0, 5]] = 0.5

    labels = clustering.speakers_of(points, clean_s, space, 2)

    assert agree(labels, whose)


@given(count=st.integers(1, 6), size=st.integers(6, 40), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_known_number_of_speakers_comes_out_of_any_prints(space: Space, count: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    prints = random.normal(size=(size, 256))

    labels = clustering.speakers_of(prints, random.uniform(0, 6, size), space, count)

    assert sorted(set(labels.tolist())) == list(range(count))


@pytest.mark.parametrize("each", [5, 300])
def test_told_the_true_number_the_people_are_found(space: Space, each: int) -> None:
    points, whose = crowd(3, each, seed=5, width=256)

    labels = clustering.speakers_of(points, np.full(len(points), 3.0), space, 3)

    assert agree(labels, whose)


def test_told_one_speaker_all_are_one(space: Space) -> None:
    points, _ = crowd(2, 12, seed=4, width=256)

    assert set(clustering.speakers_of(points, np.full(24, 3.0), space, 1).tolist()) == {0}


def test_somebody_who_spoke_little_is_found_when_expected(space: Space) -> None:
    points, whose = crowd(2, 12, seed=4, width=256)
    clean_s = np.where(whose == 0, 5.0, 1.2)

    labels = clustering.speakers_of(points, clean_s, space, 2)

    assert agree(labels, whose)


def test_a_single_print_is_one_speaker_even_when_more_are_expected(space: Space) -> None:
    points, _ = crowd(1, 1, seed=4, width=256)

    assert clustering.speakers_of(points, np.ones(1), space, 3).tolist() == [0]
