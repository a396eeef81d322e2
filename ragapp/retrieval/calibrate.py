"""Asks a knowledge base what it does not answer, and what it does, to fit its threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ragapp.embedding.background import questions_of
from ragapp.embedding.space import VectorSpace
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.retrieval.calibration import Calibration, passage_language, quantiles
from ragapp.retrieval.query import Query, QueryEncoder, query_of
from ragapp.retrieval.rerank import SentenceReranker
from ragapp.retrieval.search import search
from ragapp.text.language import Language
from ragapp.types import CancelCheck, Hit, never_cancel

QUESTIONS = 60
"""Asked in each language about something else; they settle a quantile to within 4 in 100."""
OWN = 40
"""Passages, of whose sentences pieces are asked."""
PIECE = 0.25
"""Of a sentence; the rest is what a question would not say."""
HITS = 5


def calibrate(
    kb: KnowledgeBase,
    space: VectorSpace,
    encoder: QueryEncoder,
    cancel: CancelCheck = never_cancel,
) -> None:
    """Fit the threshold anew where the whitening is another one than it was fitted for.

    Takes a second or two, and up to ten in a base of a million passages. Stops when told to, and
    is then done the next time.
    """
    version = kb.space_version()
    if Calibration.from_json(kb.calibration()).space == version or not kb.chunk_ids():
        return
    unanswerable: dict[Language, dict[Language, list[float]]] = {}
    for language in Language:
        found = unanswerable[language] = defaultdict(list)
        lines = questions_of(language)
        for query in _queries(lines[:: max(1, len(lines) // QUESTIONS)], encoder):
            if cancel():
                return
            for of, score in _best(_ask(query, kb, space)).items():
                found[of].append(score)
    answerable: dict[Language, list[float]] = defaultdict(list)
    for query in _queries(list(_pieces(kb)), encoder):
        if cancel():
            return
        best = _best(_ask(query, kb, space))
        answerable[query.language].append(best.get(query.language, 0.0))
    fitted = Calibration(
        version,
        {q: {p: quantiles(s) for p, s in by.items()} for q, by in unanswerable.items()},
        {language: quantiles(scores) for language, scores in answerable.items()},
    )
    with kb.writer(wait_s=30.0) as writer:
        writer.set_calibration(fitted.to_json())


def _ask(query: Query, kb: KnowledgeBase, space: VectorSpace) -> list[Hit]:
    return search(query, kb, space, SentenceReranker(), HITS, calibrated=False).hits


def _best(hits: Sequence[Hit]) -> dict[Language, float]:
    best: dict[Language, float] = {}
    for hit in hits:
        language = passage_language(hit.text)
        score = max((sentence.score for sentence in hit.sentences), default=-1.0)
        best[language] = max(score, best.get(language, -1.0))
    return best


def _queries(texts: Sequence[str], encoder: QueryEncoder) -> Iterator[Query]:
    if texts:
        for text, vector in zip(texts, encoder.encode_queries(texts), strict=True):
            yield query_of(text, vector)


def _pieces(kb: KnowledgeBase) -> Iterator[str]:
    """Yield pieces of sentences of passages spread over the base."""
    ids = kb.chunk_ids()
    for chunk in kb.chunks(ids[:: max(1, len(ids) // OWN)][:OWN]).values():
        span = max(chunk.sentences, key=lambda one: one.end - one.start)
        sentence = chunk.text[span.start - chunk.start : span.end - chunk.start][:200]
        yield sentence[: max(6, int(PIECE * len(sentence)))]
