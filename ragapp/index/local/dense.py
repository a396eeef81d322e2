"""FAISS over the whitened vectors of one segment; row i is the segment's i-th passage.

Exact up to a size at which that costs no more than encoding the question. From there on in two
steps: codes of four bits for every two dimensions, laid out for SIMD, say which rows may be the
best (product quantisation, Jégou et al. 2011; André et al. 2015, "Cache locality is not enough"),
and the vectors of those, kept as float16, say which are. All rows are looked at: lists of rows near
to centroids, which look at few, lose one in five of the ten best here (README, "How it grows").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.untyped import Faiss

if TYPE_CHECKING:
    from numpy.typing import NDArray

VectorIndex = Any
"""A ``faiss.IndexFlatIP`` or ``faiss.IndexRefine``; FAISS is untyped."""

EXACT_BELOW = 100_000
"""Rows; a question to so many takes 15 ms, and 1 ms in two steps (2 cores with AVX-512)."""
CODE_BITS = 4
DIMENSIONS_A_CODE = 2
"""1 where their number is odd."""
TRAINED_ON = 20_000
"""Rows that the codes are found from."""
LOOKED_AT = 4
"""Times as many rows as are asked for, the vectors of which are compared: with these, all of the
ten best and 0.996 of the 200 best are those of the exact index."""


def build(vectors: NDArray[np.float32]) -> VectorIndex:
    """Build the index of vectors (n, k), unit length."""
    import faiss

    vectors = np.ascontiguousarray(vectors)
    if len(vectors) < EXACT_BELOW:
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        index = _two_steps(vectors)
    index.add(vectors)
    return index


def write(index: VectorIndex, sink: Callable[[bytes], object]) -> None:
    """Hand the FAISS file to ``sink`` piece by piece: its errors come through, and none is lost."""
    faiss = _untyped_faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(sink))


def read(data: bytes) -> VectorIndex:
    """Read what ``write`` wrote."""
    import faiss

    return faiss.deserialize_index(np.frombuffer(data, np.uint8))


def top(
    index: VectorIndex,
    question: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    *,
    exact: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and scores of the k best inner products with a question (d,), best first.

    allowed: (n,) which rows count; None: all. exact: compare every vector that counts; for few
    rows among many.
    """
    k = min(k, index.ntotal if allowed is None else int(allowed.sum()))
    if not k:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    if not _is_in_two_steps(index):
        return _scan(index, question, k, allowed)
    if not exact:
        # Codes know of no rows that do not count: more are asked for, and those are left out.
        asked = k if allowed is None else min(2 * k, index.ntotal)
        rows, scores = _refine(index, question, asked)
        counts = slice(None) if allowed is None else allowed[rows]
        if len(rows[counts]) >= k:
            return rows[counts][:k], scores[counts][:k]
    return _scan(index.refine_index, question, k, allowed)


def vectors(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of some rows, (n, k)."""
    kept = index.refine_index if _is_in_two_steps(index) else index
    result: NDArray[np.float32] = kept.reconstruct_batch(np.ascontiguousarray(rows))
    return result


def _scan(
    index: VectorIndex, question: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    faiss = _untyped_faiss()
    # Without a selector FAISS shares one question out to all threads from 10,000 rows on, which
    # costs more than it saves: 16 against 0.8 ms of CPU there, 30 against 8 at 100,000 (2 cores).
    rows_allowed = np.ones(index.ntotal, np.bool_) if allowed is None else allowed
    bits = np.packbits(rows_allowed, bitorder="little")
    chosen = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
    scores, rows = index.search(question[None], k, params=chosen)
    return rows[0], scores[0]


def _refine(
    index: VectorIndex, question: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    faiss = _untyped_faiss()
    parameters = faiss.IndexRefineSearchParameters(k_factor=LOOKED_AT)
    scores, rows = index.search(question[None], k, params=parameters)
    found = rows[0] >= 0
    return rows[0][found], scores[0][found]


def _two_steps(vectors: NDArray[np.float32]) -> VectorIndex:
    """Make an empty index with codes that suit some vectors."""
    faiss = _untyped_faiss()
    dimension = vectors.shape[1]
    some = np.random.default_rng(0).choice(len(vectors), TRAINED_ON, replace=False)
    a_code = DIMENSIONS_A_CODE if dimension % DIMENSIONS_A_CODE == 0 else 1
    codes = faiss.IndexPQFastScan(
        dimension, dimension // a_code, CODE_BITS, faiss.METRIC_INNER_PRODUCT
    )
    codes.train(vectors[np.sort(some)])
    kept = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    kept.train(vectors[:1])
    # Read back at once: FAISS then owns both parts, and they live as long as the whole.
    index = faiss.IndexRefine(codes, kept)
    index.is_trained = True
    return faiss.deserialize_index(faiss.serialize_index(index))


def _is_in_two_steps(index: VectorIndex) -> bool:
    import faiss

    return isinstance(index, faiss.IndexRefine)


def _untyped_faiss() -> Faiss:
    import faiss

    return faiss
