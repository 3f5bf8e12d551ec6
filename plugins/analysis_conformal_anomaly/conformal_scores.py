"""How unlike all others a row is: its mean distance to the nearest of a few references, in many small samples of the other fold.

Two folds: the references of a row come from the fold to which it does not belong, so no row is compared with itself and the
scores of a fold are exchangeable where the rows are. Fold and references are chosen by a hash of the row's own values and the seed,
so neither the order of the rows nor the size of chunks changes a score.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Folds = NDArray[np.uint8]
Rows = NDArray[np.int64]

SAMPLES, SAMPLE_SIZE = 16, 16
REFERENCES = SAMPLES * SAMPLE_SIZE
BLOCK = 256
DIGITS = 2.0**20
GAMMA, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def hashed(matrix: Floats, seed: int) -> Words:
    """One word per row, from its values and the seed (SplitMix64 as a mixing function)."""
    bits = np.ascontiguousarray(matrix + 0.0).view(np.uint64)  # minus nought is nought
    words = np.full(len(matrix), seed % 2**64, dtype=np.uint64)
    for column in bits.T:
        words = words ^ column
        words = words + GAMMA
        words = (words ^ (words >> np.uint64(30))) * FIRST
        words = (words ^ (words >> np.uint64(27))) * SECOND
        words = words ^ (words >> np.uint64(31))
    return words


@dataclass(frozen=True)
class References:
    """The references of each fold, at most 256 rows each: a fold is scored by those of the other one. ``turn`` takes scores to the
    space in which distances are measured."""

    folds: tuple[Floats, Floats]
    turn: Floats

    def scores(self, matrix: Floats, fold: Folds) -> Floats:
        """One score per row, rounded to a millionth, so that no processor's last bit decides a rank."""
        found, turned = np.zeros(len(matrix)), matrix @ self.turn
        for own in (0, 1):
            rows = np.flatnonzero(fold == own)
            found[rows] = mean_distances(turned[rows], self.folds[1 - own] @ self.turn)
        found *= DIGITS
        np.rint(found, out=found)
        found /= DIGITS
        return found

    def blame(self, row: Floats, fold: int) -> Floats:
        """By how much the score of a row of ``fold`` falls where one column after the other may take the value that suits best."""
        precision = self.turn @ self.turn.T
        away = row - self.folds[1 - fold]
        pulled = away @ precision
        squared = (away * pulled).sum(axis=1)
        whole = nearest_mean(squared[None, :])[0]
        return np.array(
            [whole - nearest_mean((squared - pulled[:, k] ** 2 / precision[k, k])[None, :])[0] for k in range(len(row))]
        )


def nearest_mean(squared: Floats) -> Floats:
    """From squared distances (rows by references) the distance to the nearest of each sample of 16, averaged over the samples."""
    samples = max(1, squared.shape[1] // SAMPLE_SIZE)
    size = squared.shape[1] // samples
    nearest = squared[:, : samples * size].reshape(len(squared), samples, size).min(axis=2)
    return np.asarray(np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1))


def mean_distances(points: Floats, references: Floats) -> Floats:
    """As :func:`nearest_mean`, of points and references (rows by columns), a block of points at a time that stays in the cache.

    A squared distance is one product of matrices: the point with a one beside it, and minus twice the reference with its square.
    The references stand so that those of one sample lie a whole step apart: the smallest of them are found column by column.
    """
    if not len(references) or not len(points):
        return np.zeros(len(points))
    samples = max(1, len(references) // SAMPLE_SIZE)
    size = len(references) // samples
    ordered = references[: samples * size].reshape(samples, size, -1).swapaxes(0, 1).reshape(samples * size, -1)
    weights = np.column_stack([-2.0 * ordered, (ordered**2).sum(axis=1)])
    whole = np.zeros((-(-len(points) // BLOCK) * BLOCK, points.shape[1] + 1))  # full blocks: no row is reckoned in another way
    whole[: len(points), :-1], whole[:, -1] = points, 1.0
    blocks = np.ascontiguousarray(whole.reshape(-1, BLOCK, whole.shape[1]).swapaxes(1, 2))
    nearest, products = np.empty((len(blocks), samples, BLOCK)), np.empty((size * samples, BLOCK))
    for block, found in zip(blocks, nearest, strict=True):
        np.matmul(weights, block, out=products)
        np.min(products.reshape(size, samples, BLOCK), axis=0, out=found)
    nearest += (blocks[:, :-1] ** 2).sum(axis=1, keepdims=True)
    np.maximum(nearest, 0.0, out=nearest)
    np.sqrt(nearest, out=nearest)
    return np.asarray(nearest.mean(axis=1).ravel()[: len(points)])


class Chooser:
    """The rows of each fold with the smallest hashes, chunk by chunk.

    ``folds`` gives the folds of a chunk from the number of its first row and its hashes.
    """

    def __init__(self, folds: Callable[[int, Words], Folds], seed: int) -> None:
        self._folds, self._seed, self._done = folds, seed, 0
        self._kept: list[tuple[Words, Floats]] = [(np.empty(0, dtype=np.uint64), np.empty((0, 0)))] * 2

    def add(self, chunk: Floats) -> Folds:
        """The folds of the rows of ``chunk``."""
        words = hashed(chunk, self._seed)
        fold = self._folds(self._done, words)
        for own, (ranks, rows) in enumerate(self._kept):
            here = fold == own
            if len(ranks) == REFERENCES:
                here &= words < ranks[-1]
            ranks = np.concatenate([ranks, words[here]])
            smallest = np.argsort(ranks, kind="stable")[:REFERENCES]
            rows = np.concatenate([rows.reshape(-1, chunk.shape[1]), chunk[here]])
            self._kept[own] = ranks[smallest], rows[smallest]
        self._done += len(chunk)
        return fold

    def references(self, turn: Floats) -> References:
        return References((self._kept[0][1], self._kept[1][1]), turn)


def by_hash(first_row: int, words: Words) -> Folds:
    """The fold of rows that are exchangeable: whether their hash has an odd number of bits set."""
    return np.asarray(np.bitwise_count(words) & np.uint8(1), dtype=np.uint8)


def p_values(scores: Floats, fold: Folds, asked: Rows | None = None) -> Floats:
    """Conformal p-values: the share of the row's own fold, itself included, whose scores are at least as large; of all rows, or of
    those ``asked`` for.

    Of exchangeable rows at most a share a has a p-value up to a, for every a and whatever the law of the data (Vovk, Gammerman and
    Shafer 2005; Laxhammar and Falkman 2010).
    """
    asked = np.arange(len(scores)) if asked is None else asked
    found = np.ones(len(asked))
    for own in (0, 1):
        here = fold[asked] == own
        if here.any():
            of_fold, wanted = scores[fold == own], scores[asked[here]]
            ordered = np.sort(of_fold[of_fold >= wanted.min()])
            found[here] = (len(ordered) - np.searchsorted(ordered, wanted, side="left")) / len(of_fold)
    return found


def alarms(scores: Floats, fold: Folds, level: float) -> tuple[int, float]:
    """How many rows have a p-value of at most ``level``, and the smallest p-value."""
    likely = []
    for own in (0, 1):
        rows = np.flatnonzero(fold == own)
        likely.append(rows[largest(scores[rows], int(level * len(rows)) + 1)])
    found = p_values(scores, fold, np.concatenate(likely))
    return int((found <= level).sum()), float(found.min())


def largest(values: Floats, count: int) -> Rows:
    """The places of the ``count`` largest values, and of those that equal the smallest of them; ascending."""
    if not 0 < count < len(values):
        return np.arange(min(count, len(values)))
    return np.flatnonzero(values >= np.partition(values, len(values) - count)[len(values) - count])


def alike(scores: Floats, fold: Folds) -> Floats:
    """Scores of both folds on one scale: over the 90th percentile of their fold."""
    found = np.zeros(len(scores))
    for own in (0, 1):
        rows = np.flatnonzero(fold == own)
        if len(rows):
            place = int(0.9 * (len(rows) - 1))
            high = float(np.partition(scores[rows], place)[place])
            found[rows] = scores[rows] / high if high > 0 else 0.0
    return found
