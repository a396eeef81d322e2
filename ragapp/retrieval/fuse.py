"""Hybrid retrieval: dense and lexical scores, each normalised over all passages, and summed.

A sum of z-scores keeps how sure each side is; fusing by rank alone would lose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.backend import Candidates, ScoreMoments

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATES = 200
"""How deep each of the two lists goes before they are joined."""


@dataclass(frozen=True, slots=True)
class Fused:
    """Candidates, best first; all arrays (n,).

    ids: chunk ids; dense, lexical: their scores, and their standings, which are z-scores; scores:
    the sum of both standings.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    dense_standing: NDArray[np.float32]
    lexical_standing: NDArray[np.float32]


def fuse(found: Candidates) -> Fused:
    """Order candidates by the sum of their z-scores; equals stay in the order of their ids."""
    dense = _standing(found.dense, found.dense_moments)
    lexical = _standing(found.lexical, found.lexical_moments)
    scores = dense + lexical
    order = np.argsort(-scores, kind="stable")
    return Fused(
        ids=found.ids[order],
        scores=scores[order],
        dense=found.dense[order],
        lexical=found.lexical[order],
        dense_standing=dense[order],
        lexical_standing=lexical[order],
    )


def z_score(
    values: NDArray[np.float32], mean: float | None = None, deviation: float | None = None
) -> NDArray[np.float32]:
    """Subtract the mean and divide by the deviation, both of the values unless given.

    Values that do not vary say nothing and give zeros.
    """
    mean = float(values.mean()) if mean is None else mean
    deviation = float(values.std()) if deviation is None else deviation
    if deviation < 1e-6:
        return np.zeros_like(values)
    result: NDArray[np.float32] = ((values - mean) / deviation).astype(np.float32)
    return result


def _standing(values: NDArray[np.float32], among: ScoreMoments) -> NDArray[np.float32]:
    return z_score(values, among.mean, among.deviation)
