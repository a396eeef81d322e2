"""A whole document in a few of its own sentences: the most central one of each section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.rows import StoredChunk
from ragapp.text.orders.recognise import orders_among
from ragapp.types import Evidence, ScoredSentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

SENTENCES = 8
"""Of a summary, at most."""
SHORTEST = 12
"""Characters; what is shorter is a heading, a label, a number."""
ALIKE = 0.92
"""Cosine of raw vectors: a sentence as near to one that was chosen says the same again."""


@dataclass(frozen=True, slots=True)
class _Line:
    sentence: ScoredSentence
    section: tuple[object, ...]
    vector: NDArray[np.float32]
    chunk: StoredChunk


def summarise(chunks: Sequence[StoredChunk]) -> list[Evidence]:
    """Return sentences of a document, given by its chunks in order, as excerpts in its order.

    Each section gives its most central sentence first; what room is left goes to the next ones.
    Sentences that give orders to an assistant are no part of it.
    """
    chosen: list[_Line] = []
    ranked = [_ranked(lines) for lines in _sections(chunks)]
    for depth in range(max(map(len, ranked), default=0)):
        row = [lines[depth] for lines in ranked if depth < len(lines)]
        if depth == 0 and len(row) > SENTENCES:  # spread over the document
            places = np.linspace(0, len(row) - 1, SENTENCES).round().astype(int)
            row = [row[place] for place in places]
        for line in row:
            if len(chosen) < SENTENCES and not _is_said(line, chosen):
                chosen.append(line)
    chosen.sort(key=lambda line: line.sentence.start)
    return [_excerpt(number, line) for number, line in enumerate(chosen, 1)]


def _sections(chunks: Sequence[StoredChunk]) -> list[list[_Line]]:
    sections: dict[tuple[object, ...], list[_Line]] = {}
    seen: set[int] = set()
    for chunk in chunks:
        titles = {heading.title for heading in chunk.headings} | set(chunk.heading)
        inner = list(chunk.headings)
        section: tuple[object, ...] = chunk.heading
        texts = [chunk.text[s.start - chunk.start : s.end - chunk.start] for s in chunk.sentences]
        orders = orders_among(texts)
        for place, (span, text) in enumerate(zip(chunk.sentences, texts, strict=True)):
            while inner and inner[0].start <= span.start:
                section = (*chunk.heading, inner.pop(0).start)
            said = len(text) >= SHORTEST and text.strip("# ") not in titles
            if span.start in seen or not said or orders[place]:
                continue
            seen.add(span.start)
            page = chunk.sentence_pages[place]
            line = _Line(
                ScoredSentence(text, span.start, span.end, page, 0.0),
                section,
                chunk.sentence_vectors[place],
                chunk,
            )
            sections.setdefault(section, []).append(line)
    return list(sections.values())


def _ranked(lines: Sequence[_Line]) -> list[_Line]:
    vectors = np.stack([line.vector for line in lines])
    mean = vectors.mean(axis=0)
    scores = vectors @ mean / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    return [lines[place] for place in np.argsort(-scores, kind="stable")]


def _is_said(line: _Line, chosen: Sequence[_Line]) -> bool:
    return any(
        one.sentence.text == line.sentence.text
        or float(one.vector @ line.vector)
        > ALIKE * float(np.linalg.norm(one.vector) * np.linalg.norm(line.vector))
        for one in chosen
        if one.section == line.section
    )


def _excerpt(number: int, line: _Line) -> Evidence:
    chunk, sentence = line.chunk, line.sentence
    return Evidence(
        number=number,
        document=chunk.document,
        document_id=chunk.document_id,
        path=chunk.path,
        page=sentence.page,
        heading=chunk.heading,
        start=sentence.start,
        end=sentence.end,
        text=sentence.text,
        score=sentence.score,
        sentences=(sentence,),
    )
