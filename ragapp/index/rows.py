"""How chunks lie in the rows of the store: values to columns and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.text.terms import TermCounts, term_counts
from ragapp.types import Chunk, Heading, Page, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    'start, "end", text, page, heading, sentences, vector, sentence_vectors, sentence_scales,'
    " term_hashes, term_counts"
)
"""Of a chunk, but for those that are given when it is written."""
ChunkRow = tuple[object, ...]

IMPOSSIBLE = 1e4
"""Components of raw vectors of unit length are below 1; this is what a harmed exponent makes."""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as retrieved: its place, text and raw vectors.

    sentences: spans; sentence_vectors: (n, d) float32 raw; headings: those that stand in it.
    """

    id: int
    document_id: int
    document: str
    path: str
    page: int | None
    heading: tuple[str, ...]
    start: int
    end: int
    text: str
    sentences: tuple[Span, ...]
    sentence_pages: tuple[int | None, ...]
    sentence_vectors: NDArray[np.float32]
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk with what was computed of it, ready to be stored.

    context: title and headings, searched with the text but not part of it;
    vector: (d,) float32 raw; sentence_vectors: (n, d) float32 raw.
    """

    chunk: Chunk
    context: str
    vector: NDArray[np.float32]
    sentence_vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IndexRows:
    """What an index is built from; row i is chunk ``ids[i]``, ids ascend.

    ids, documents: (n,) int64; vectors: (n, d) float32 raw; openings: the first 200 characters.
    """

    ids: NDArray[np.int64]
    documents: NDArray[np.int64]
    vectors: NDArray[np.float32]
    terms: list[TermCounts]
    openings: list[str]


def chunk_row(new: NewChunk) -> ChunkRow:
    """Return the values of a chunk's ``COLUMNS``."""
    chunk = new.chunk
    spans = np.array([(s.start, s.end) for s in chunk.sentences], np.int32)
    quantised, scales = quantise(new.sentence_vectors)
    counts = term_counts(f"{new.context} {chunk.text}")
    return (
        chunk.start, chunk.end, chunk.text, chunk.page,
        json.dumps(chunk.heading, ensure_ascii=False), spans.tobytes(),
        new.vector.astype(np.float32).tobytes(), quantised.tobytes(), scales.tobytes(),
        counts.hashes.tobytes(), counts.counts.tobytes(),
    )  # fmt: skip


def stored_chunk(row: tuple[object, ...]) -> StoredChunk:
    """Read a row of ``Store.chunks``."""
    (chunk_id, document_id, name, path, page, heading, start, end, text, spans, quantised,
     scales, pages, headings) = row  # fmt: skip
    sentences = tuple(
        Span(int(a), int(b))
        for a, b in np.frombuffer(spans, np.int32).reshape(-1, 2)  # type: ignore[call-overload]
    )
    page_spans = [Page(*p) for p in json.loads(str(pages))]
    return StoredChunk(
        id=int(chunk_id),  # type: ignore[call-overload]
        document_id=int(document_id),  # type: ignore[call-overload]
        document=str(name),
        path=str(path),
        page=page,  # type: ignore[arg-type]
        heading=tuple(json.loads(str(heading))),
        start=int(start),  # type: ignore[call-overload]
        end=int(end),  # type: ignore[call-overload]
        text=str(text),
        sentences=sentences,
        sentence_pages=tuple(page_at(page_spans, s.start) for s in sentences),
        sentence_vectors=dequantise(quantised, scales),  # type: ignore[arg-type]
        headings=tuple(
            Heading(*one)
            for one in json.loads(str(headings))
            if int(start) <= one[2] < int(end)  # type: ignore[call-overload]
        ),
    )


def index_rows(rows: Sequence[tuple[Any, ...]], dimension: int) -> IndexRows:
    """Read rows of chunk and document id, vector, term hashes and counts, opening, document name.

    Raises:
        KnowledgeBaseDamaged: a vector is not one of ``dimension`` sensible numbers. In the mean of
            all, a single one would spoil every score of the base.
    """
    for row in rows:
        if len(row[2]) != 4 * dimension:
            raise _damaged_vector(row[6])
    vectors = np.frombuffer(b"".join(row[2] for row in rows), np.float32)
    vectors = vectors.reshape(len(rows), dimension)
    odd = np.flatnonzero(~(np.abs(vectors) < IMPOSSIBLE).all(axis=1))
    if len(odd):
        raise _damaged_vector(rows[odd[0]][6])
    return IndexRows(
        ids=np.array([row[0] for row in rows], np.int64),
        documents=np.array([row[1] for row in rows], np.int64),
        vectors=vectors,
        terms=[
            TermCounts(np.frombuffer(row[3], np.uint64), np.frombuffer(row[4], np.uint16))
            for row in rows
        ],
        openings=[row[5] for row in rows],
    )


def page_at(pages: Sequence[Page], offset: int) -> int | None:
    """Return the number of the page that holds a character, None without pages."""
    number = None
    for page in pages:
        if page.start > offset:
            break
        if page.end > page.start:
            number = page.number
    return number


def quantise(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to int8 with its own scale; 384 dimensions keep cosine to within 1e-4."""
    peaks = np.abs(vectors).max(axis=1, initial=1e-12) if vectors.size else np.zeros(len(vectors))
    scales = (peaks / 127).astype(np.float32)
    quantised = np.round(vectors / np.maximum(scales[:, None], 1e-12)).astype(np.int8)
    return quantised, scales


def dequantise(quantised: bytes, scales: bytes) -> NDArray[np.float32]:
    """Undo ``quantise``: (n, d) float32."""
    per_row = np.frombuffer(scales, np.float32)
    width = len(quantised) // len(per_row) if len(per_row) else 0
    values = np.frombuffer(quantised, np.int8).reshape(len(per_row), width)
    result: NDArray[np.float32] = values.astype(np.float32) * per_row[:, None]
    return result


def _damaged_vector(document: str) -> KnowledgeBaseDamaged:
    return KnowledgeBaseDamaged("vector_damaged", document=document)
