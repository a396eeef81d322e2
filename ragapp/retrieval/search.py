"""A question to its hits: candidates, sentence scores, reranking."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ragapp.embedding.space import VectorSpace
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.rows import StoredChunk
from ragapp.retrieval.fuse import CANDIDATES, fuse
from ragapp.retrieval.query import Query
from ragapp.retrieval.rerank import RERANK_DEPTH, Reranker
from ragapp.retrieval.sentences import score_sentences
from ragapp.retrieval.trace import Trace, trace
from ragapp.retrieval.weights import weigh
from ragapp.types import Hit, ScoredSentence


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
) -> Found:
    """Find the k best hits, of the documents in ``only`` where it is given.

    Fewer when the knowledge base holds fewer; none when it is empty.
    """
    snapshot = kb.snapshot(space)
    index = snapshot.index
    whitening = space.whitening(snapshot.space_state)
    question = whitening.question(query.vector, query.language)
    found = fuse(index.candidates(question, query.terms, max(k, CANDIDATES), only))
    ids = found.ids.tolist()
    chunks, deleted = _read(kb, ids, max(k, RERANK_DEPTH), index.generation())
    places = [place for place, chunk_id in enumerate(ids) if chunk_id in chunks]
    read = [chunks[ids[place]] for place in places]
    scored = score_sentences(query, read, whitening, weigh(query.terms, index))
    hits = [
        _hit(
            chunk,
            sentences,
            float(found.scores[place]),
            float(found.dense[place]),
            float(found.lexical[place]),
        )
        for place, chunk, sentences in zip(places, read, scored, strict=True)
    ]
    reranked = reranker.rerank(query.text, hits)
    return Found(reranked[:k], trace(query.text, index.generation(), found, reranked, k, deleted))


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
