"""FAISS over the whitened vectors of one segment; row i is the segment's i-th passage.

Exact up to a size at which that costs no more than encoding the question. From there on inverted
lists (Sivic & Zisserman 2003; IVF in Douze et al. 2024, "The Faiss library", section 5): vectors
lie with the nearest of some centroids, and a question looks at the lists nearest to it, a tenth of
all rows. There they are kept as float16, which moves no score by more than 0.0005.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.untyped import Faiss

if TYPE_CHECKING:
    from numpy.typing import NDArray

VectorIndex = Any
"""A ``faiss.IndexFlatIP`` or ``faiss.IndexIVFScalarQuantizer``; FAISS is untyped."""

EXACT_BELOW = 100_000
"""Rows; the README has the curve."""
PROBED = 0.1
"""Share of the lists that a question looks at: 0.99 of the ten nearest are there."""
TRAINED_ON = 40
"""Rows a list that the centroids are found from; FAISS warns below 39."""


def build(vectors: NDArray[np.float32]) -> VectorIndex:
    """Build the index of vectors (n, k), unit length."""
    import faiss

    vectors = np.ascontiguousarray(vectors)
    if len(vectors) < EXACT_BELOW:
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        index = _trained_lists(vectors)
    index.add(vectors)
    return _ready(index)


def write(index: VectorIndex, sink: Callable[[bytes], object]) -> None:
    """Hand the FAISS file to ``sink`` piece by piece: its errors come through, and none is lost."""
    faiss = _untyped_faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(sink))


def read(data: bytes) -> VectorIndex:
    """Read what ``write`` wrote."""
    import faiss

    return _ready(faiss.deserialize_index(np.frombuffer(data, np.uint8)))


def top(
    index: VectorIndex,
    question: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    *,
    every_list: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and scores of the k best inner products with a question (d,), best first.

    allowed: (n,) which rows count; None: all. every_list: look at each row also where lists would
    let most of them be.
    """
    faiss = _untyped_faiss()
    k = min(k, index.ntotal)
    if not k:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    # Without a selector FAISS shares one question out to all threads from 10,000 rows on, which
    # costs more than it saves: 16 against 0.8 ms of CPU there, 30 against 8 at 100,000 (2 cores).
    rows_allowed = np.ones(index.ntotal, np.bool_) if allowed is None else allowed
    bits = np.packbits(rows_allowed, bitorder="little")
    chosen = {"sel": faiss.IDSelectorBitmap(bits)}
    if _has_lists(index):
        nprobe = index.nlist if every_list else max(1, round(PROBED * index.nlist))
        parameters = faiss.SearchParametersIVF(nprobe=nprobe, **chosen)
    else:
        parameters = faiss.SearchParameters(**chosen)
    scores, rows = index.search(question[None], k, params=parameters)
    found = rows[0] >= 0  # fewer than k allowed: the rest is -1
    return rows[0][found], scores[0][found]


def vectors(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of some rows, (n, k)."""
    result: NDArray[np.float32] = index.reconstruct_batch(np.ascontiguousarray(rows))
    return result


def _trained_lists(vectors: NDArray[np.float32]) -> VectorIndex:
    """Make an empty index with lists whose centroids suit some vectors."""
    faiss = _untyped_faiss()
    dimension = vectors.shape[1]
    lists = round(len(vectors) ** 0.5)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT, False,
    )  # fmt: skip
    some = np.random.default_rng(0).choice(len(vectors), lists * TRAINED_ON, replace=False)
    index.train(vectors[np.sort(some)])
    return index


def _ready(index: VectorIndex) -> VectorIndex:
    """Let rows be looked up by number."""
    if _has_lists(index):
        index.make_direct_map(True)
    return index


def _has_lists(index: VectorIndex) -> bool:
    import faiss

    return isinstance(index, faiss.IndexIVF)


def _untyped_faiss() -> Faiss:
    import faiss

    return faiss
