"""Which voice prints belong to one person: agglomeration, then variational Bayes over the community-1 speaker space.

The method is that of pyannote's community-1 (BUT's VBx): cautious centroid linkage proposes speakers, a Bayesian
mixture over PLDA features gives up those for which the evidence is thin. Knows numbers only, neither sound nor time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscribe import models

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

MERGE_DISTANCE = 0.83
"""Euclidean distance of unit vectors at which agglomeration stops; 0.79 to 0.88 does as well, less splits people."""
EVIDENCE = 0.2
"""Weight of one print (Fa of VBx): prints overlap in time, so each counts less than one. 0.14 to 0.5 does as well."""
CAUTION = 0.8
"""Weight of the prior against further speakers (Fb of VBx)."""

SURE_S = 2.0
"""Speech of one voice alone from which a print helps to decide who there is; 1.5 to 2.5 s does as well."""
SURE_WHEN_EXPECTED_S = 1.0
"""The same when more speakers are expected than were found: somebody must have spoken little."""

_PRINTS_AT_ONCE = 500
_ROUNDS = 20
_SMOOTHING = 7.0
_LEAST_SHARE = 1e-7
_LEAST_GAIN = 1e-4


@dataclass(frozen=True, slots=True)
class Space:
    """From embeddings (n, 256) to features (n, 128) in which a speaker's prints scatter with variance one.

    `between` (128) is the variance between speakers in each dimension, in falling order.
    """

    mean_before: Matrix
    mean_after: Matrix
    reduction: Matrix
    centre: Matrix
    rotation: Matrix
    between: Matrix

    def features(self, embeddings: Matrix) -> Matrix:
        """Length normalisation, reduction, length normalisation, and the rotation of the PLDA."""
        width, reduced_width = self.reduction.shape
        unit = normalised(embeddings - self.mean_before) * np.sqrt(width)
        reduced = normalised(unit @ self.reduction - self.mean_after) * np.sqrt(reduced_width)
        features: Matrix = (reduced - self.centre) @ self.rotation.T
        return features


def load_space(package: Path | None = None) -> Space:
    """The speaker space of community-1, from the installed wheel unless another `package` is named.

    The rotation is used as it is: its rows already solve the eigenproblem that the original computes at load.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel that carries it is absent or another version.
    """
    parts = models.speaker_space(package)
    return Space(
        mean_before=np.frombuffer(parts["mean1"], "<f8"),
        mean_after=np.frombuffer(parts["mean2"], "<f4").astype(np.float64),
        reduction=np.frombuffer(parts["lda"], "<f4").astype(np.float64).reshape(256, 128),
        centre=np.frombuffer(parts["mu"], "<f8"),
        rotation=np.frombuffer(parts["tr"], "<f8").reshape(128, 128),
        between=np.frombuffer(parts["psi"], "<f8"),
    )


def normalised(rows: Matrix) -> Matrix:
    """Rows of length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = rows / np.maximum(lengths, 1e-12)
    return unit


def speakers_of(embeddings: Matrix, clean_s: Matrix, space: Space, speakers: int | None) -> Labels:
    """The speaker (from 0, without gaps) of each embedding (n, 256), taken from `clean_s` (n) seconds of one voice.

    Only prints from enough speech decide who there is, the others join the nearest. `speakers` sets how many there
    are; with fewer different prints than that, each is a speaker.
    """
    sure = _longest(clean_s, SURE_S, 2)
    shares = _refined(embeddings[sure], space)
    if speakers is not None:
        shares = _one_hot(_without_gaps(shares.argmax(axis=1)))
        if shares.shape[1] < speakers:
            sure = _longest(clean_s, SURE_WHEN_EXPECTED_S, speakers)
            shares = _one_hot(_split(normalised(embeddings[sure]), speakers))
        shares = _joined(shares, normalised(embeddings[sure]), speakers)
    centroids = normalised(shares.T @ embeddings[sure])
    nearest: Labels = (normalised(embeddings) @ centroids.T).argmax(axis=1)
    if speakers is not None:
        nearest[sure] = shares.argmax(axis=1)
    return _without_gaps(nearest)


def agglomerate(points: Matrix, stop_at: float, weights: Matrix | None = None) -> Labels:
    """Centroid linkage: the two nearest clusters become one until the nearest are farther than `stop_at`.

    At most 500 points are compared at once; more are taken in runs, whose clusters then stand for their points, so
    that time and memory grow with the number of points and not with its square.
    """
    weights = np.ones(len(points)) if weights is None else weights
    if len(points) <= _PRINTS_AT_ONCE:
        return _linked(points, weights, stop_at)
    runs = np.array_split(np.arange(len(points)), -(-len(points) // _PRINTS_AT_ONCE))
    labels = np.empty(len(points), np.intp)
    known = 0
    for run in runs:
        labels[run] = known + _linked(points[run], weights[run], stop_at)
        known = int(labels[run].max()) + 1
    if known == len(points):
        return labels
    centroids, masses = _centroids(points, weights, labels, known)
    return agglomerate(centroids, stop_at, masses)[labels]


def mix(features: Matrix, between: Matrix, start: Labels) -> Matrix:
    """VBx without transitions: shares (n, speakers) of each feature in each speaker that has evidence enough.

    Follows Landini et al., "Bayesian HMM clustering of x-vector sequences" (2022), equations 16 to 25.
    """
    shares = np.exp(_SMOOTHING * (_one_hot(start) - 1.0))
    shares /= shares.sum(axis=1, keepdims=True)
    prior = np.full(shares.shape[1], 1.0 / shares.shape[1])
    scaled = features * np.sqrt(between)
    lengths = (features**2).sum(axis=1, keepdims=True)
    previous = -np.inf
    for _ in range(_ROUNDS):
        spread = 1.0 / (1.0 + EVIDENCE / CAUTION * shares.sum(axis=0)[:, None] * between)
        means = EVIDENCE / CAUTION * spread * (shares.T @ scaled)
        fit = EVIDENCE * (scaled @ means.T - 0.5 * ((spread + means**2) @ between) - 0.5 * lengths)
        shares, likelihood = _softmax(fit + np.log(prior + 1e-8))
        prior = shares.sum(axis=0) / len(shares)
        bound = likelihood + CAUTION * 0.5 * float((np.log(spread) - spread - means**2 + 1.0).sum())
        if bound - previous < _LEAST_GAIN:
            break
        previous = bound
    return shares[:, prior > _LEAST_SHARE]


def _refined(voices: Matrix, space: Space) -> Matrix:
    if len(voices) < 2:
        return np.ones((len(voices), 1))
    start = agglomerate(normalised(voices), MERGE_DISTANCE)
    return mix(space.features(voices), space.between, start)


def _longest(clean_s: Matrix, at_least_s: float, at_least: int) -> NDArray[np.bool_]:
    """Which prints come from speech long enough; all of them when those would be too few."""
    long = clean_s >= at_least_s
    return long if long.sum() >= at_least else np.ones(len(clean_s), np.bool_)


def _split(points: Matrix, at_least: int) -> Labels:
    """The coarsest agglomeration into `at_least` groups or more, found on at most 500 of the unit vectors."""
    step = -(-len(points) // _PRINTS_AT_ONCE)
    sample = points[::step]
    labels = np.zeros(len(sample), np.intp)
    for stop_at in np.linspace(MERGE_DISTANCE, 0.0, 17):
        labels = _linked(sample, np.ones(len(sample)), float(stop_at))
        if labels.max() + 1 >= at_least:
            break
    centroids, _ = _centroids(sample, np.ones(len(sample)), labels, int(labels.max()) + 1)
    nearest: Labels = (points @ normalised(centroids).T).argmax(axis=1)
    nearest[::step] = labels
    return nearest


def _joined(shares: Matrix, points: Matrix, at_most: int) -> Matrix:
    """The shares of at most so many speakers: by Ward's linkage, so that slight ones are joined before great ones."""
    masses = shares.sum(axis=0)
    centroids = (shares.T @ points) / masses[:, None]
    return shares @ _one_hot(_linked(centroids, masses, np.inf, at_least=at_most, ward=True))


def _linked(points: Matrix, weights: Matrix, stop_at: float, at_least: int = 1, ward: bool = False) -> Labels:
    centres, masses, labels = points.copy(), weights.copy(), np.arange(len(points))
    alive = np.ones(len(points), np.bool_)
    far = np.stack([_distances(centres, masses, index, ward) for index in range(len(points))])
    np.fill_diagonal(far, np.inf)
    for _ in range(max(0, len(points) - at_least)):
        kept, gone = divmod(int(far.argmin()), len(points))
        if far[kept, gone] > stop_at**2:
            break
        mass = masses[kept] + masses[gone]
        centres[kept] = (masses[kept] * centres[kept] + masses[gone] * centres[gone]) / mass
        masses[kept] = mass
        labels[labels == gone] = kept
        alive[gone] = False
        again = np.where(alive, _distances(centres, masses, kept, ward), np.inf)
        again[kept] = np.inf
        far[kept] = far[:, kept] = again
        far[gone] = far[:, gone] = np.inf
    return _without_gaps(labels)


def _distances(centres: Matrix, masses: Matrix, index: int, ward: bool) -> Matrix:
    squared: Matrix = ((centres - centres[index]) ** 2).sum(axis=1)
    return squared * (masses * masses[index] / (masses + masses[index])) if ward else squared


def _centroids(points: Matrix, weights: Matrix, labels: Labels, count: int) -> tuple[Matrix, Matrix]:
    belongs = _one_hot(labels, count) * weights[:, None]
    masses: Matrix = belongs.sum(axis=0)
    return (belongs.T @ points) / masses[:, None], masses


def _without_gaps(labels: Labels) -> Labels:
    return np.unique(labels, return_inverse=True)[1]


def _one_hot(labels: Labels, count: int | None = None) -> Matrix:
    return np.eye(int(labels.max()) + 1 if count is None else count)[labels]


def _softmax(scores: Matrix) -> tuple[Matrix, float]:
    """Rows that add up to one, and the sum of the logarithms of what they added up to before."""
    highest = scores.max(axis=1, keepdims=True)
    raised = np.exp(scores - highest)
    sums = raised.sum(axis=1, keepdims=True)
    return raised / sums, float((highest + np.log(sums)).sum())
