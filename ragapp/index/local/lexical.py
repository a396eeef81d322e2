"""BM25 over hashed terms: an inverted index of term counts in flat arrays, one a segment.

Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with the
never-negative idf ln(1 + (N - n + 0.5) / (n + 0.5)). Counts and lengths are kept, not weights: idf
and mean length are taken from the passages that are live when a question is asked, so that the
scores are those of an index built anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.text.terms import TermCounts, idf, term_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Anserini's defaults (Yang et al. 2017); the best of five settings tried, by 0.1 to 0.3 MRR@10.
K1 = 0.9
B = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The (term, row) pairs of one segment, grouped by term.

    hashes: (terms,) uint64 sorted; starts: (terms + 1,) int64 into rows and counts; rows:
    (postings,) int32, ascending within a term; counts: (postings,) uint16; lengths: (rows,) int32.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    def span(self, term: np.uint64) -> slice:
        """Return where the postings of a term lie; empty when it does not occur."""
        place = int(np.searchsorted(self.hashes, term))
        if place == len(self.hashes) or self.hashes[place] != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


@dataclass(frozen=True, slots=True, eq=False)
class LivePostings:
    """Postings with the rows that count, (rows,); None: all do."""

    postings: Postings
    live: NDArray[np.bool_] | None

    def of(self, term: np.uint64) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Return rows and counts of a term in live rows."""
        span = self.postings.span(term)
        rows, counts = self.postings.rows[span], self.postings.counts[span]
        if self.live is None or not len(rows):
            return rows, counts
        kept = self.live[rows]
        return rows[kept], counts[kept]


def build(documents: Sequence[TermCounts]) -> Postings:
    """Build the index; row i is document i."""
    if not documents:
        nothing = np.zeros(0, np.int64)
        return _grouped(nothing.astype(np.uint64), nothing, nothing, nothing)
    return _grouped(
        np.concatenate([d.hashes for d in documents]),
        np.repeat(np.arange(len(documents)), [len(d.hashes) for d in documents]),
        np.concatenate([d.counts for d in documents]),
        np.array([d.counts.sum(dtype=np.int64) for d in documents]),
    )


def merge(parts: Sequence[LivePostings]) -> Postings:
    """Join segments, one after another, without the rows that no longer count."""
    hashes, rows, counts, lengths, offset = [], [], [], [], 0
    for part in parts:
        old = part.postings
        live = np.ones(len(old.lengths), np.bool_) if part.live is None else part.live
        kept = live[old.rows]
        hashes.append(np.repeat(old.hashes, np.diff(old.starts))[kept])
        rows.append(offset + (np.cumsum(live) - 1)[old.rows[kept]])
        counts.append(old.counts[kept])
        lengths.append(old.lengths[live])
        offset += int(live.sum())
    return _grouped(
        np.concatenate(hashes), np.concatenate(rows), np.concatenate(counts),
        np.concatenate(lengths),
    )  # fmt: skip


def scores(
    parts: Sequence[LivePostings], asked: Mapping[str, float], size: int, mean_length: float
) -> NDArray[np.float32]:
    """Score every row of every part, one part after another. Returns float32 (rows of all,).

    0 where no term is shared and where a row does not count. asked: how much each term counts;
    size: how many rows count; mean_length: their mean number of terms.
    """
    offsets = np.cumsum([0, *(len(part.postings.lengths) for part in parts)])
    result = np.zeros(int(offsets[-1]), np.float32)
    for term, counts_for in asked.items():
        hashed = np.uint64(term_hash(term))
        found = [part.of(hashed) for part in parts]
        weight = idf(size, sum(len(rows) for rows, _ in found)) * counts_for * (K1 + 1)
        for part, (rows, counts), offset in zip(parts, found, offsets, strict=False):
            if len(rows):
                shares = part.postings.lengths[rows] / np.float32(max(mean_length, 1e-9))
                norm = np.float32(K1 * (1 - B)) + np.float32(K1 * B) * shares
                result[rows + offset] += (weight * counts / (counts + norm)).astype(np.float32)
    return result


def frequencies(parts: Sequence[LivePostings], asked: Collection[str]) -> dict[str, int]:
    """Return how many rows hold each of some terms."""
    hashed = {term: np.uint64(term_hash(term)) for term in asked}
    return {term: sum(len(p.of(hash_)[0]) for p in parts) for term, hash_ in hashed.items()}


def to_arrays(postings: Postings) -> dict[str, NDArray[np.generic]]:
    """Name the arrays, in types that safetensors knows."""
    return {
        # safetensors knows no uint64 arithmetic, only bits: a view keeps them.
        "hashes": postings.hashes.view(np.int64),
        "starts": postings.starts,
        "rows": postings.rows,
        "counts": postings.counts.view(np.int16),
        "lengths": postings.lengths,
    }


def from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> Postings:
    """Rebuild what ``to_arrays`` took apart."""
    return Postings(
        hashes=arrays["hashes"].view(np.uint64),
        starts=arrays["starts"].view(np.int64),
        rows=arrays["rows"].view(np.int32),
        counts=arrays["counts"].view(np.uint16),
        lengths=arrays["lengths"].view(np.int32),
    )


def _grouped(
    hashes: NDArray[np.uint64],
    rows: NDArray[np.int64],
    counts: NDArray[np.generic],
    lengths: NDArray[np.generic],
) -> Postings:
    """Group postings, given in the order of their rows, by term."""
    order = np.argsort(hashes, kind="stable")  # stable keeps each posting list sorted by row
    distinct, first = np.unique(hashes[order], return_index=True)
    return Postings(
        hashes=distinct,
        starts=np.append(first, len(hashes)).astype(np.int64),
        rows=rows[order].astype(np.int32),
        counts=counts[order].astype(np.uint16),
        lengths=lengths.astype(np.int32),
    )
