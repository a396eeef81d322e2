"""FAISS over the whitened vectors of one segment; row i is the segment's i-th passage.

Exact on purpose: 100,000 passages of 384 dimensions take some 8 ms of CPU, less than encoding the
question.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.untyped import Faiss

if TYPE_CHECKING:
    from numpy.typing import NDArray

FlatIndex = Any
"""A ``faiss.IndexFlatIP``; FAISS is untyped."""


def build(vectors: NDArray[np.float32]) -> FlatIndex:
    """Build the index of vectors (n, k), unit length."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    return index


def write(index: FlatIndex, sink: Callable[[bytes], object]) -> None:
    """Hand the FAISS file to ``sink`` piece by piece: its errors come through, and none is lost."""
    faiss = _untyped_faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(sink))


def read(file: Path) -> FlatIndex:
    """Read what ``write`` wrote."""
    import faiss

    return faiss.read_index(str(file))


def top(
    index: FlatIndex, question: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and scores of the k best inner products with a question (d,), best first.

    allowed: (n,) which rows count; None: all.
    """
    faiss = _untyped_faiss()
    k = min(k, index.ntotal)
    if not k:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    # Without a selector FAISS shares one question out to all threads from 10,000 rows on, which
    # costs more than it saves: 16 against 0.8 ms of CPU there, 30 against 8 at 100,000 (2 cores).
    rows_allowed = np.ones(index.ntotal, np.bool_) if allowed is None else allowed
    bits = np.packbits(rows_allowed, bitorder="little")
    chosen = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
    scores, rows = index.search(question[None], k, params=chosen)
    found = rows[0] >= 0  # fewer than k allowed: the rest is -1
    return rows[0][found], scores[0][found]


def vectors(index: FlatIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of some rows, (n, k)."""
    result: NDArray[np.float32] = index.reconstruct_batch(np.ascontiguousarray(rows))
    return result


def _untyped_faiss() -> Faiss:
    import faiss

    return faiss
