"""A segment: passages indexed together, in two files that are never changed.

``NAME.faiss`` holds the vectors, ``NAME.safetensors`` ids, documents, postings and, where computing
them anew would read more than storing them, the sums over the vectors. Rows that no longer count
are named by the manifest, not here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.backend import IndexDamaged, Passages
from ragapp.index.local import dense, lexical, statistics
from ragapp.index.local.files import Checksum, read_checked, synced
from ragapp.index.local.merging import FULL
from ragapp.index.local.statistics import Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTORS = ".faiss"
ARRAYS = ".safetensors"
STORED_SUMS_FROM = 2
"""Times the dimension, in rows: from here on the sums take less room than the vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A segment in memory. ids, documents: (n,) int64, ascending; sums: of all rows, or None."""

    name: str
    ids: NDArray[np.int64]
    documents: NDArray[np.int64]
    dense: dense.VectorIndex
    postings: lexical.Postings
    sums: Statistics | None

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some chunk ids, all of which are here."""
        return rows_of(self.ids, ids)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of some rows, (n, k)."""
        return dense.vectors(self.dense, rows)

    def statistics(self, dead: NDArray[np.bool_] | None) -> Statistics:
        """Take the sums over the rows that count."""
        if self.sums is None:
            live = np.arange(len(self.ids)) if dead is None else np.flatnonzero(~dead)
            return self.statistics_of(live)
        if dead is None:
            return self.sums
        return self.sums.minus(self.statistics_of(np.flatnonzero(dead)))

    def statistics_of(self, rows: NDArray[np.int64]) -> Statistics:
        """Take the sums over some rows."""
        return statistics.of(self.vectors(rows), self.postings.lengths[rows])


def rows_of(segment_ids: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of some ids, all of which are in ``segment_ids``, sorted.

    Raises:
        IndexDamaged: one of them is not.
    """
    rows = np.searchsorted(segment_ids, ids)
    if (rows == len(segment_ids)).any() or (segment_ids[rows] != ids).any():
        raise IndexDamaged("a passage to be removed is not in the index")
    return rows


def gathered(blocks: Iterable[Passages]) -> Iterator[Passages]:
    """Join blocks of passages to what makes a segment each: full ones, or a single smaller one."""
    held: list[Passages] = []
    for block in blocks:
        held.append(block)
        sizes = np.cumsum([len(each.ids) for each in held])
        count = int(np.searchsorted(sizes, FULL)) + 1
        if count < len(held) and sizes[-1] - sizes[count - 1] >= FULL:  # the rest makes another
            yield _joined(held[:count])
            held = held[count:]
    held = [each for each in held if len(each.ids)]
    if held:
        yield _joined(held)


def build(passages: Passages) -> Segment:
    """Index passages as a new segment."""
    return _new(passages.ids, passages.documents, passages.vectors, lexical.build(passages.terms))


def merge(parts: Sequence[tuple[Segment, NDArray[np.bool_] | None]]) -> Segment:
    """Join segments into a new one, without their dead rows."""
    live = [
        np.arange(len(segment.ids)) if dead is None else np.flatnonzero(~dead)
        for segment, dead in parts
    ]
    segments = [segment for segment, _ in parts]
    return _new(
        np.concatenate([s.ids[rows] for s, rows in zip(segments, live, strict=True)]),
        np.concatenate([s.documents[rows] for s, rows in zip(segments, live, strict=True)]),
        np.concatenate([s.vectors(rows) for s, rows in zip(segments, live, strict=True)]),
        lexical.merge(
            [lexical.LivePostings(s.postings, None if dead is None else ~dead) for s, dead in parts]
        ),
    )


def save(segment: Segment, folder: Path) -> dict[str, Checksum]:
    """Write both files and sync them. Returns their checksums by name."""
    from safetensors.numpy import save as to_bytes

    arrays: dict[str, NDArray[np.generic]] = {"ids": segment.ids, "documents": segment.documents}
    arrays |= lexical.to_arrays(segment.postings)
    if segment.sums is not None:
        arrays |= {"total": segment.sums.total, "scatter": segment.sums.scatter}
    with synced(folder / (segment.name + VECTORS)) as vectors_file:
        dense.write(segment.dense, vectors_file.write)
    with synced(folder / (segment.name + ARRAYS)) as arrays_file:
        arrays_file.write(to_bytes(arrays))
    return {
        segment.name + VECTORS: vectors_file.checksum(),
        segment.name + ARRAYS: arrays_file.checksum(),
    }


def load(folder: Path, name: str, rows: int, files: Mapping[str, Checksum]) -> Segment:
    """Read what ``save`` wrote, after checking that it is.

    Raises:
        IndexDamaged: it is not.
        OSError: a file cannot be read, or is not there.
    """
    from safetensors.numpy import load as from_bytes

    def data(suffix: str) -> bytes:
        return read_checked(folder / (name + suffix), files[name + suffix])

    arrays = from_bytes(data(ARRAYS))
    index = dense.read(data(VECTORS))
    postings = lexical.from_arrays(arrays)
    if not rows == len(arrays["ids"]) == index.ntotal == len(postings.lengths):
        raise IndexDamaged(f"segment {name} has parts of different sizes")
    sums = None
    if "scatter" in arrays:
        length = int(postings.lengths.sum(dtype=np.int64))
        sums = Statistics(rows, length, arrays["total"], arrays["scatter"])
    return Segment(name, arrays["ids"], arrays["documents"], index, postings, sums)


def load_ids(folder: Path, name: str) -> NDArray[np.int64]:
    """Read the chunk ids alone, unchecked: whoever looks one up sees whether it is there.

    Raises:
        IndexDamaged: the file is none of ours.
        OSError: it cannot be read, or is not there.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / (name + ARRAYS), framework="numpy") as file:
            ids: NDArray[np.int64] = file.get_tensor("ids")
    except SafetensorError as error:
        raise IndexDamaged(f"{name}{ARRAYS} cannot be read: {error}") from error
    return ids


def _joined(blocks: Sequence[Passages]) -> Passages:
    if len(blocks) == 1:
        return blocks[0]
    return Passages(
        np.concatenate([each.ids for each in blocks]),
        np.concatenate([each.documents for each in blocks]),
        np.concatenate([each.vectors for each in blocks]),
        [terms for each in blocks for terms in each.terms],
    )


def _new(
    ids: NDArray[np.int64],
    documents: NDArray[np.int64],
    vectors: NDArray[np.float32],
    postings: lexical.Postings,
) -> Segment:
    stored = len(ids) >= STORED_SUMS_FROM * vectors.shape[1]
    sums = statistics.of(vectors, postings.lengths) if stored else None
    # A name is never used twice, so what is loaded under it stays what it was.
    return Segment(secrets.token_hex(8), ids, documents, dense.build(vectors), postings, sums)
