"""A question to its hits: candidates, sentence scores, reranking."""

from __future__ import annotations

from ragapp.embedding.space import VectorSpace
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.rows import StoredChunk
from ragapp.retrieval.evidence import score_sentences
from ragapp.retrieval.fuse import hybrid_candidates
from ragapp.retrieval.query import Query
from ragapp.retrieval.rerank import RERANK_DEPTH, Reranker
from ragapp.types import Hit, ScoredSentence


def search(
    query: Query, kb: KnowledgeBase, space: VectorSpace, reranker: Reranker, k: int
) -> list[Hit]:
    """Return the k best hits, best first, each with its sentences scored.

    Fewer when the knowledge base holds fewer; none when it is empty.
    """
    snapshot = kb.snapshot(space)
    whitening = space.whitening(snapshot.space_state)
    question = whitening.question(query.vector, query.language)
    found = hybrid_candidates(snapshot, question, query.text)
    depth = max(k, RERANK_DEPTH)
    ids = found.ids[:depth].tolist()
    chunks = kb.chunks(ids)
    term_weights = snapshot.lexical.term_weights(query.text)
    places = [place for place, chunk_id in enumerate(ids) if chunk_id in chunks]
    read = [chunks[ids[place]] for place in places]
    scored = score_sentences(query, read, whitening, term_weights)
    hits = [
        _hit(
            chunk,
            sentences,
            float(found.fused[place]),
            float(found.dense[place]),
            float(found.lexical[place]),
        )
        for place, chunk, sentences in zip(places, read, scored, strict=True)
    ]
    return reranker.rerank(query.text, hits)[:k]


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
