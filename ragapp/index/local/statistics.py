"""What fusion needs to know of all passages, kept up to date by adding and taking away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.backend import ScoreMoments

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8192
"""Rows taken to float64 at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Sums over passages: how many, terms in all, vectors (k,) and outer products (k, k), float64.

    In float64 a passage that was added and taken away again leaves no trace that matters.
    """

    size: int
    length: int
    total: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def plus(self, other: Statistics, sign: int = 1) -> Statistics:
        """Add the sums of other passages."""
        return Statistics(
            self.size + sign * other.size,
            self.length + sign * other.length,
            self.total + sign * other.total,
            self.scatter + sign * other.scatter,
        )

    def minus(self, other: Statistics) -> Statistics:
        """Take away passages that had been added."""
        return self.plus(other, -1)

    def dense_moments(self, question: NDArray[np.float32]) -> ScoreMoments:
        """Return mean and deviation of a question's inner products, without computing them.

        E[q·x] = q·E[x] and E[(q·x)²] = qᵀ·E[x·xᵀ]·q.
        """
        if not self.size:
            return ScoreMoments(0.0, 0.0)
        exact = question.astype(np.float64)
        mean = float(exact @ self.total) / self.size
        square = float(exact @ self.scatter @ exact) / self.size
        return ScoreMoments(mean, max(square - mean * mean, 0.0) ** 0.5)

    def mean_length(self) -> float:
        """Return the mean number of terms of a passage."""
        return self.length / max(1, self.size)

    def lexical_moments(self, scores: NDArray[np.float32]) -> ScoreMoments:
        """Return mean and deviation of BM25 scores, in which what does not count is 0."""
        if not self.size:
            return ScoreMoments(0.0, 0.0)
        hit = scores[scores > 0].astype(np.float64)
        mean = float(hit.sum()) / self.size
        # Around the mean, not E[x²] - mean²: with few passages the difference would be all error.
        square = float(((hit - mean) ** 2).sum()) + (self.size - len(hit)) * mean * mean
        return ScoreMoments(mean, (square / self.size) ** 0.5)


def none(dimension: int) -> Statistics:
    """Return the statistics of no passages."""
    return Statistics(0, 0, np.zeros(dimension), np.zeros((dimension, dimension)))


def of(vectors: NDArray[np.float32], lengths: NDArray[np.int32]) -> Statistics:
    """Take the sums over passages: vectors (n, k), lengths (n,) in terms."""
    scatter = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        scatter += block.T @ block
    return Statistics(
        len(vectors), int(lengths.sum(dtype=np.int64)), vectors.sum(axis=0, dtype=np.float64),
        scatter,
    )  # fmt: skip
