"""The vector space of a knowledge base: how raw vectors become the ones that are compared.

Fitted anew when the knowledge base has outgrown it, and stored under a version as plain arrays;
between fits new passages take the map that stands. Vectors of different fits never meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.embedding.whiten import (
    BackgroundStatistics,
    Whitening,
    fit,
    fit_published,
    identity,
    moments,
)
from ragapp.text.language import Language, language_of, languages_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """The whitening settings of a knowledge base with its model's background.

    ``background`` None: no whitening, raw vectors are compared.
    """

    dimension: int
    background: BackgroundStatistics | None
    exponent: float
    dimensions: int = 0
    shared_mean: bool = False

    def outgrown(self, fitted_on: int, passages: int) -> bool:
        """Say whether a fit on so many passages no longer suits so many.

        At half as many again, or half as many. Fitting costs what the whole base costs; this way
        it comes once for each half by which the base has grown.
        """
        if self.background is None:
            return False
        return 2 * passages >= 3 * fitted_on or 2 * passages <= fitted_on

    def fit(
        self,
        vectors: NDArray[np.float32],
        texts: Sequence[str],
        sentences: Iterable[tuple[str, NDArray[np.float32]]],
    ) -> dict[str, NDArray[np.float32]]:
        """Fit on raw passage vectors (n, d) and sentence vectors; return the state as arrays.

        texts: the opening of each passage; sentences: (opening, vectors) of some passages.
        """
        if self.background is None:
            return {}
        if self.shared_mean:
            # One mean and covariance need more rows than axes to be of full rank; with fewer the
            # published method is undefined, and the raw vectors are the honest fallback.
            if len(vectors) < 2:
                return {}
            return to_arrays(
                fit_published(vectors, exponent=self.exponent, dimensions=self.dimensions)
            )
        rows, languages = [np.zeros((0, self.dimension), np.float32)], []
        for text, sentence_vectors in sentences:
            if not len(sentence_vectors):
                continue
            rows.append(sentence_vectors)
            languages.extend([language_of(text)] * len(sentence_vectors))
        return to_arrays(
            fit(
                moments(vectors, languages_of(texts), self.dimension),
                moments(np.concatenate(rows), languages, self.dimension),
                self.background,
                exponent=self.exponent,
                dimensions=self.dimensions,
            )
        )

    def apply(
        self,
        state: Mapping[str, NDArray[np.float32]],
        vectors: NDArray[np.float32],
        texts: Sequence[str],
    ) -> NDArray[np.float32]:
        """Map raw passage vectors (n, d) to the compared ones (n, k), unit length."""
        whitening = self.whitening(state)
        if not len(vectors):
            return np.zeros((0, whitening.passage_matrix.shape[1]), np.float32)
        return whitening.passages(vectors, languages_of(texts))

    def whitening(self, state: Mapping[str, NDArray[np.float32]]) -> Whitening:
        """Read the state of a generation."""
        return from_arrays(state) if state else identity(self.dimension)


def to_arrays(whitening: Whitening) -> dict[str, NDArray[np.float32]]:
    """Name the parts of a whitening; each is (rows, columns) float32."""
    parts = {
        "passage_matrix": whitening.passage_matrix,
        "sentence_matrix": whitening.sentence_matrix,
    }
    for language in Language:
        parts[f"question_mean.{language}"] = whitening.question_means[language][None]
        parts[f"passage_mean.{language}"] = whitening.passage_means[language][None]
        parts[f"sentence_mean.{language}"] = whitening.sentence_means[language][None]
    return parts


def from_arrays(parts: Mapping[str, NDArray[np.float32]]) -> Whitening:
    """Rebuild what ``to_arrays`` took apart."""
    return Whitening(
        question_means={k: parts[f"question_mean.{k}"][0] for k in Language},
        passage_means={k: parts[f"passage_mean.{k}"][0] for k in Language},
        sentence_means={k: parts[f"sentence_mean.{k}"][0] for k in Language},
        passage_matrix=parts["passage_matrix"],
        sentence_matrix=parts["sentence_matrix"],
    )
