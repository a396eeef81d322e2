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
from ragapp.text.terms import terms_among
from ragapp.types import Hit, ScoredSentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

OTHER_LANGUAGE = 0.4
"""Of a passage's standing by vector: taken for its standing by words, which it cannot share with a
question in another language, as far as no passage in the question's language holds the words."""
OTHER_LANGUAGE_DEPTH = 8
"""Of the best passages by vector, among which those in another language are read."""


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
    standing = _standing(query.language, found, chunks, weights)
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
    """Read those of the best passages by vector that are in another language than the question."""
    order = np.argsort(-found.dense, kind="stable")[:OTHER_LANGUAGE_DEPTH]
    ids = [chunk for chunk in found.ids[order].tolist() if chunk not in known]
    return {
        chunk: read
        for chunk, read in kb.chunks(ids).items()
        if passage_language(read.text) is not asked_in
    }


def _standing(
    asked_in: Language,
    found: Fused,
    chunks: Mapping[int, StoredChunk],
    weights: Mapping[str, float],
) -> NDArray[np.float32]:
    """Return the fused scores, (n,), where other languages are not held to share words."""
    own = {chunk.id for chunk in chunks.values() if passage_language(chunk.text) is asked_in}
    if len(own) == len(chunks):
        return found.scores
    said = max((sum(weights[t] for t in _held(weights, chunks[one])) for one in own), default=0.0)
    dense, lexical = found.dense_standing, found.lexical_standing
    foreign = np.array([chunk in chunks and chunk not in own for chunk in found.ids.tolist()])
    assumed = np.maximum(lexical, np.float32(OTHER_LANGUAGE * (1 - said)) * dense)
    return np.where(foreign, dense + assumed, found.scores)


def _held(weights: Mapping[str, float], chunk: StoredChunk) -> set[str]:
    return terms_among(weights, "\n".join((*chunk.heading, chunk.text)))


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
