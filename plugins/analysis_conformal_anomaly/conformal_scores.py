"""How unlike all others a row is: its mean distance to the nearest of a few references, in many small samples of the other fold.

Two folds: the references of a row come from the fold to which it does not belong, so no row is compared with itself and the
scores of a fold are exchangeable where the rows are. Fold and references are chosen by a hash of the row's own values and the seed,
so neither the order of the rows nor the size of chunks changes a score.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

SAMPLES, SAMPLE_SIZE = 16, 16
REFERENCES = SAMPLES * SAMPLE_SIZE
TOGETHER = 16_384
DIGITS = 2.0**20
GAMMA, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Chunks = Callable[[], Iterator[Floats]]


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

    def scores(self, matrix: Floats, fold: NDArray[np.uint8]) -> Floats:
        """One score per row, rounded to a millionth, so that no processor's last bit decides a rank."""
        found = np.zeros(len(matrix))
        for own in (0, 1):
            rows = np.flatnonzero(fold == own)
            for start in range(0, len(rows), TOGETHER):
                part = rows[start : start + TOGETHER]
                rest, turned = self.folds[1 - own] @ self.turn, matrix[part] @ self.turn
                squared = turned @ (-2 * rest.T)
                squared += (rest**2).sum(axis=1)
                squared += (turned**2).sum(axis=1)[:, None]
                found[part] = nearest_mean(squared)
        return np.rint(found * DIGITS) / DIGITS

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


def choose(chunks: Chunks, turn: Floats, folds: Callable[[int, Words], NDArray[np.uint8]], seed: int) -> References:
    """One pass: the rows of each fold with the smallest hashes. ``folds`` gives those of a chunk from its first row and hashes."""
    kept: list[tuple[Words, Floats]] = [(np.empty(0, dtype=np.uint64), np.empty((0, 0)))] * 2
    done = 0
    for chunk in chunks():
        words = hashed(chunk, seed)
        fold = folds(done, words)
        for own in (0, 1):
            here = fold == own
            before = kept[own][1].reshape(-1, chunk.shape[1])
            ranks, rows = np.concatenate([kept[own][0], words[here]]), np.concatenate([before, chunk[here]])
            smallest = np.argsort(ranks, kind="stable")[:REFERENCES]
            kept[own] = ranks[smallest], rows[smallest]
        done += len(chunk)
    return References((kept[0][1], kept[1][1]), turn)


def by_hash(first_row: int, words: Words) -> NDArray[np.uint8]:
    """The fold of rows that are exchangeable: whether their hash has an odd number of bits set."""
    return np.asarray(np.bitwise_count(words) & np.uint8(1), dtype=np.uint8)


def p_values(scores: Floats, fold: NDArray[np.uint8]) -> Floats:
    """Conformal p-values: the share of the row's own fold, itself included, whose scores are at least as large.

    Of exchangeable rows at most a share a has a p-value up to a, for every a and whatever the law of the data (Vovk, Gammerman and
    Shafer 2005; Laxhammar and Falkman 2010).
    """
    found = np.ones(len(scores))
    for own in (0, 1):
        rows = np.flatnonzero(fold == own)
        ordered = np.sort(scores[rows])
        found[rows] = (len(rows) - np.searchsorted(ordered, scores[rows], side="left")) / max(1, len(rows))
    return found


def alike(scores: Floats, fold: NDArray[np.uint8]) -> Floats:
    """Scores of both folds on one scale: over the 90th percentile of their fold."""
    found = np.zeros(len(scores))
    for own in (0, 1):
        rows = np.flatnonzero(fold == own)
        if len(rows):
            ordered = np.sort(scores[rows])
            high = float(ordered[int(0.9 * (len(ordered) - 1))])
            found[rows] = scores[rows] / high if high > 0 else 0.0
    return found
