"""Whitening that helps retrieval: two means, a soft exponent, shrinkage and a prior.

Published BERT-whitening (Su et al. 2021, "Whitening Sentence Representations for Better Semantics
and Faster Retrieval") subtracts one mean and divides by the full standard deviation along every
principal axis. On questions against passages that makes retrieval worse than raw vectors:
questions and passages have different means, and axes of little variance are mostly
noise. Here W = U·diag(s^-p) with p well below 0.5, and each side keeps its own mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.text.language import Language

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHRINKAGE = 0.1
"""Share of the covariance replaced by its diagonal mean."""
PRIOR_PASSAGES = 400
"""How many passages of the knowledge base the background covariance counts for."""
PRIOR_MEAN_PASSAGES = 20
"""The same for the means, which settle much sooner than a covariance."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Means by language, (d,) each, and scatter (d, d): the sum of squares around those means.

    ``counts`` says over how many vectors, by language.
    """

    means: Mapping[Language, NDArray[np.float64]]
    scatter: NDArray[np.float64]
    counts: Mapping[Language, int]


@dataclass(frozen=True, slots=True)
class BackgroundStatistics:
    """What a model makes of generic text: the prior for small knowledge bases."""

    question_means: Mapping[Language, NDArray[np.float32]]
    passages: Moments
    sentences: Moments


@dataclass(frozen=True, slots=True)
class Whitening:
    """Fitted state, kept with the index generation it belongs to.

    Means by language, (d,) float32; matrices (d, k) float32: one shared by questions and
    passages, one shared by questions and the sentences inside passages.
    """

    question_means: Mapping[Language, NDArray[np.float32]]
    passage_means: Mapping[Language, NDArray[np.float32]]
    sentence_means: Mapping[Language, NDArray[np.float32]]
    passage_matrix: NDArray[np.float32]
    sentence_matrix: NDArray[np.float32]

    def question(self, vector: NDArray[np.float32], language: Language) -> NDArray[np.float32]:
        """Whiten a question vector (d,) for passages, to (k,), unit length."""
        return unit((vector - self.question_means[language]) @ self.passage_matrix)

    def question_for_sentences(
        self, vector: NDArray[np.float32], language: Language
    ) -> NDArray[np.float32]:
        """Whiten a question vector (d,) for sentences, to (k,), unit length."""
        return unit((vector - self.question_means[language]) @ self.sentence_matrix)

    def passages(
        self, vectors: NDArray[np.float32], languages: Sequence[Language]
    ) -> NDArray[np.float32]:
        """Whiten passage vectors (n, d) to (n, k), unit length."""
        return unit((vectors - _rows(self.passage_means, languages)) @ self.passage_matrix)

    def sentences(self, vectors: NDArray[np.float32], language: Language) -> NDArray[np.float32]:
        """Whiten the sentence vectors (n, d) of one passage to (n, k), unit length."""
        return unit((vectors - self.sentence_means[language]) @ self.sentence_matrix)


def identity(dimension: int) -> Whitening:
    """Return the whitening that changes nothing but the length, for knowledge bases without."""
    zero = {language: np.zeros(dimension, np.float32) for language in Language}
    same = np.eye(dimension, dtype=np.float32)
    return Whitening(zero, zero, zero, same, same)


def moments(vectors: NDArray[np.float32], languages: Sequence[Language], dimension: int) -> Moments:
    """Take means and scatter of vectors (n, d), n may be 0."""
    means, counts = {}, {}
    scatter = np.zeros((dimension, dimension))
    labels = np.array([language.value for language in languages])
    for language in Language:
        rows = vectors[labels == language.value] if len(vectors) else vectors[:0]
        counts[language] = len(rows)
        means[language] = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(dimension)
        centred = rows - means[language] if len(rows) else np.zeros((0, dimension))
        scatter += centred.T @ centred
    return Moments(means, scatter, counts)


def fit(
    passages: Moments,
    sentences: Moments,
    background: BackgroundStatistics,
    *,
    exponent: float,
    dimensions: int = 0,
    shrinkage: float = SHRINKAGE,
    prior_passages: float = PRIOR_PASSAGES,
    prior_mean_passages: float = PRIOR_MEAN_PASSAGES,
) -> Whitening:
    """Fit on the raw vectors of a knowledge base, of any size down to nothing.

    ``dimensions``: keep so many principal axes, 0 for all.
    """
    return Whitening(
        question_means={
            language: mean.astype(np.float32)
            for language, mean in background.question_means.items()
        },
        passage_means=_means(passages, background.passages, prior_mean_passages),
        sentence_means=_means(sentences, background.sentences, prior_mean_passages),
        passage_matrix=_matrix(
            _covariance(passages, background.passages, prior_passages),
            exponent, dimensions, shrinkage,
        ),
        sentence_matrix=_matrix(
            _covariance(sentences, background.sentences, prior_passages),
            exponent, dimensions, shrinkage,
        ),
    )  # fmt: skip


def fit_published(
    vectors: NDArray[np.float32], *, exponent: float = 0.5, dimensions: int = 0
) -> Whitening:
    """Fit as published: one mean for all, no shrinkage, no prior (Su et al. 2021, algorithm 1).

    vectors: (n, d) float32. With the default exponent the training vectors, before they are
    brought to unit length, have unit covariance.
    """
    mean = vectors.mean(axis=0)
    means = dict.fromkeys(Language, mean)
    covariance = np.cov(vectors.T.astype(np.float64), bias=True)
    matrix = _matrix(covariance, exponent, dimensions, 0.0)
    return Whitening(means, means, means, matrix, matrix)


def _means(own: Moments, prior: Moments, weight: float) -> dict[Language, NDArray[np.float32]]:
    return {
        language: (
            (own.counts[language] * own.means[language] + weight * prior.means[language])
            / (own.counts[language] + weight)
        ).astype(np.float32)
        for language in Language
    }


def _covariance(own: Moments, prior: Moments, weight: float) -> NDArray[np.float64]:
    """Return (n·C_own + κ·C_prior) / (n + κ)."""
    n = sum(own.counts.values())
    prior_covariance = prior.scatter / max(1, sum(prior.counts.values()))
    result: NDArray[np.float64] = (own.scatter + weight * prior_covariance) / (n + weight)
    return result


def _matrix(
    covariance: NDArray[np.float64], exponent: float, dimensions: int, shrinkage: float
) -> NDArray[np.float32]:
    d = covariance.shape[0]
    covariance = (1 - shrinkage) * covariance
    covariance = covariance + shrinkage * np.trace(covariance) / d * np.eye(d)
    values, axes = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1][: dimensions or d]
    values = np.maximum(values[order], 1e-10)
    result: NDArray[np.float32] = (axes[:, order] * values**-exponent).astype(np.float32)
    return result


def _rows(
    means: Mapping[Language, NDArray[np.float32]], languages: Sequence[Language]
) -> NDArray[np.float32]:
    return np.stack([means[language] for language in languages])


def unit(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Scale rows to unit length; all-zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return result
