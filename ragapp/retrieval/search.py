"""A question to its hits: candidates, sentence scores, reranking."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.embedding.space import VectorSpace
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.rows import StoredChunk
from ragapp.retrieval.calibration import Calibration, passage_language
from ragapp.retrieval.fuse import CANDIDATES, Fused, fuse
from ragapp.retrieval.query import Query
from ragapp.retrieval.rerank import RERANK_DEPTH, Reranker
from ragapp.retrieval.sentences import score_sentences
from ragapp.retrieval.trace import Trace, trace
from ragapp.retrieval.weights import weigh
from ragapp.text.language import Language
from ragapp.types import Hit, ScoredSentence

if TYPE_CHECKING:
    from numpy.typing import NDArray


OTHER_LANGUAGE = 0.7
"""Of a passage's standing by vector, for that by words where the question is in another
language."""
OTHER_LANGUAGE_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a search, best first, each with its sentences scored, and how they were found."""

    hits: list[Hit]
    trace: Trace


def search(
    query: Query,
    kb: KnowledgeBase,
    space: VectorSpace,
    reranker: Reranker,
    k: int,
    only: Collection[int] | None = None,
    *,
    calibrated: bool = True,
) -> Found:
    """Find the k best hits, of the documents in ``only`` where it is given.

    calibrated: scores of sentences are stretched as the base's calibration says. Fewer when the
    knowledge base holds fewer; none when it is empty.
    """
    snapshot = kb.snapshot(space)
    index = snapshot.index
    whitening = space.whitening(snapshot.space_state)
    question = whitening.question(query.vector, query.language)
    found = fuse(index.candidates(question, query.terms, max(k, CANDIDATES), only))
    ids = found.ids.tolist()
    chunks, deleted = _read(kb, ids, max(k, RERANK_DEPTH), index.generation())
    chunks |= _in_other_language(query.language, found, chunks, kb)
    places = [place for place, chunk_id in enumerate(ids) if chunk_id in chunks]
    read = [chunks[ids[place]] for place in places]
    calibration = Calibration.from_json(kb.calibration()) if calibrated else None
    weights = weigh(query.terms, index)
    scored = score_sentences(query, read, whitening, weights, calibration)
    standing = _standing(query.language, found, chunks)
    hits = [
        _hit(
            chunk,
            sentences,
            float(standing[place]),
            float(found.dense[place]),
            float(found.lexical[place]),
        )
        for place, chunk, sentences in zip(places, read, scored, strict=True)
    ]
    reranked = reranker.rerank(query.text, hits)
    return Found(reranked[:k], trace(query.text, index.generation(), found, reranked, k, deleted))


def _in_other_language(
    asked_in: Language, found: Fused, known: Mapping[int, StoredChunk], kb: KnowledgeBase
) -> dict[int, StoredChunk]:
    """Read the best passages by vector alone that share no words with the question's language."""
    order = np.argsort(-found.dense, kind="stable")[:OTHER_LANGUAGE_DEPTH]
    ids = [chunk for chunk in found.ids[order].tolist() if chunk not in known]
    return {
        chunk: read
        for chunk, read in kb.chunks(ids).items()
        if passage_language(read.text) is not asked_in
    }


def _standing(
    asked_in: Language, found: Fused, chunks: Mapping[int, StoredChunk]
) -> NDArray[np.float32]:
    """Return the fused scores, where a passage in another language is not held to share words."""
    scores = found.scores.copy()
    for place, chunk_id in enumerate(found.ids.tolist()):
        chunk = chunks.get(chunk_id)
        if chunk is not None and passage_language(chunk.text) is not asked_in:
            lexical = max(
                found.lexical_standing[place], OTHER_LANGUAGE * found.dense_standing[place]
            )
            scores[place] = found.dense_standing[place] + lexical
    return scores


def _read(
    kb: KnowledgeBase, ids: Sequence[int], depth: int, generation: int
) -> tuple[dict[int, StoredChunk], set[int]]:
    """Read the first ``depth`` chunks that are there, and say which were not.

    Some are gone when documents were deleted since the index was opened.
    """
    chunks: dict[int, StoredChunk] = {}
    deleted: set[int] = set()
    ahead = 0
    while len(chunks) < depth and ahead < len(ids):
        asked = ids[ahead : ahead + depth - len(chunks)]
        there = kb.chunks(asked, generation)
        chunks |= there
        deleted |= set(asked) - set(there)
        ahead += len(asked)
    return chunks, deleted


def _hit(
    chunk: StoredChunk,
    sentences: tuple[ScoredSentence, ...],
    score: float,
    dense: float,
    lexical: float,
) -> Hit:
    return Hit(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        document=chunk.document,
        path=chunk.path,
        page=chunk.page,
        heading=chunk.heading,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        score=score,
        dense=dense,
        lexical=lexical,
        sentences=sentences,
    )
