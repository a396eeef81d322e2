"""Hybrid retrieval: dense and lexical scores, each normalised over all passages, and summed.

A sum of z-scores keeps how sure each side is; fusing by rank alone would lose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.snapshot import Snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATES = 200
"""How deep each of the two lists goes before they are joined."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that either side found, best first; all arrays (n,).

    ids: chunk ids; fused: sum of z-scores; dense: cosine; lexical: BM25.
    """

    ids: NDArray[np.int64]
    fused: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]


def hybrid_candidates(
    snapshot: Snapshot, question: NDArray[np.float32], text: str, depth: int = CANDIDATES
) -> Candidates:
    """Search both indexes and fuse. question: (k,) whitened, unit length."""
    lexical_all = snapshot.lexical.scores(text)
    lexical_rows = _top(lexical_all, depth)
    rows = np.union1d(snapshot.dense.top(question, depth), lexical_rows)
    if not len(rows):
        nothing = np.zeros(0, np.float32)
        return Candidates(np.zeros(0, np.int64), nothing, nothing, nothing)
    dense = snapshot.dense.scores(question, rows)
    lexical = lexical_all[rows]
    mean, deviation = snapshot.dense.score_moments(question)
    fused = z_score(dense, mean, deviation) + z_score(
        lexical, float(lexical_all.mean()), float(lexical_all.std())
    )
    order = np.argsort(-fused, kind="stable")
    return Candidates(snapshot.ids[rows[order]], fused[order], dense[order], lexical[order])


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


def _top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rows of the k highest scores above zero, in no order."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > k:
        rows = rows[np.argpartition(-scores[rows], k)[:k]]
    return rows
