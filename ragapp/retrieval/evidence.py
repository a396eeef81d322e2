"""Sentences as evidence: scored in their passages, and packed into numbered excerpts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ragapp.embedding.whiten import Whitening
from ragapp.index.rows import StoredChunk
from ragapp.retrieval.query import Query
from ragapp.text.language import Language, language_of
from ragapp.text.orders.recognise import orders_among
from ragapp.text.terms import coverage
from ragapp.types import Evidence, Hit, ScoredSentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

COVERAGE_WEIGHT = 0.6
"""Of the question's terms found in a sentence, beside its cosine: the sentence with the answer
comes first in 66 / 78 / 81 % instead of 60 / 73 / 75 % (CMRC / XQuAD-zh / XQuAD-en)."""
LEAD_IN = ("?", "？", ":", "：")
LEAD_IN_SHARE = 0.95
LEAD_IN_KEEPS = 0.5
EVIDENCE_PASSAGES = 5
EVIDENCE_SENTENCES = 6
"""Six best sentences of five passages hold the answer in 92 / 97 / 98 % of the same questions."""
PASSAGE_WEIGHT = 0.1
"""Of the passage's score, in deviations, when sentences of several passages compete."""


def score_sentences(
    query: Query,
    chunks: Sequence[StoredChunk],
    whitening: Whitening,
    term_weights: Mapping[str, float],
) -> list[tuple[ScoredSentence, ...]]:
    """Score each sentence of each chunk against the question, in the order of the text."""
    question = whitening.question_for_sentences(query.vector, query.language)
    cosines: dict[int, NDArray[np.float32]] = {}
    for language in Language:
        # One product for all chunks of a language: many small ones cost five times as much.
        mine = [chunk for chunk in chunks if language_of(chunk.text[:200]) is language]
        if mine:
            vectors = np.concatenate([chunk.sentence_vectors for chunk in mine])
            ends = np.cumsum([len(chunk.sentence_vectors) for chunk in mine])[:-1]
            scores = np.split(whitening.sentences(vectors, language) @ question, ends)
            cosines |= {chunk.id: part for chunk, part in zip(mine, scores, strict=True)}
    return [_scored(chunk, cosines[chunk.id], term_weights) for chunk in chunks]


def _scored(
    chunk: StoredChunk, cosines: NDArray[np.float32], term_weights: Mapping[str, float]
) -> tuple[ScoredSentence, ...]:
    scored = []
    for span, page, cosine in zip(chunk.sentences, chunk.sentence_pages, cosines, strict=True):
        text = chunk.text[span.start - chunk.start : span.end - chunk.start]
        score = float(cosine) + COVERAGE_WEIGHT * coverage(term_weights, text)
        scored.append(ScoredSentence(text, span.start, span.end, page, score))
    return tuple(_pass_on(scored, chunk.heading))


def _pass_on(
    sentences: Sequence[ScoredSentence], heading: Sequence[str]
) -> Iterator[ScoredSentence]:
    """Let a sentence that only leads to the next one pass its score on.

    A heading, a question or a line ending in a colon resembles the question more than its answer
    does, but says nothing; what it stands for is the sentence after it.
    """
    inherited = float("-inf")
    for sentence in sentences:
        score = max(sentence.score, inherited)
        if sentence.text.endswith(LEAD_IN) or sentence.text.strip("# ") in heading:
            inherited = LEAD_IN_SHARE * score
            score *= LEAD_IN_KEEPS
        else:
            inherited = float("-inf")
        yield replace(sentence, score=score)


def pack_evidence(
    hits: Sequence[Hit],
    passages: int = EVIDENCE_PASSAGES,
    sentences: int = EVIDENCE_SENTENCES,
    *,
    orders: bool = False,
) -> list[Evidence]:
    """Choose the best sentences of the best passages and number them as excerpts from 1.

    Neighbouring choices of one passage become one excerpt; a sentence that two overlapping
    chunks share is taken once. Sentences that give orders to an assistant are left out while
    there are others, unless ``orders``: somebody asks about them.
    """
    left_out = set() if orders else _orders(hits[:passages])
    if all((hit.path, s.start) in left_out for hit in hits[:passages] for s in hit.sentences):
        left_out = set()
    chosen: dict[tuple[str, int], tuple[float, Hit, ScoredSentence]] = {}
    for hit in hits[:passages]:
        for sentence in hit.sentences:
            key = (hit.path, sentence.start)
            if key in left_out:
                continue
            score = sentence.score + PASSAGE_WEIGHT * hit.score
            if key not in chosen or chosen[key][0] < score:
                chosen[key] = (score, hit, sentence)
    best = sorted(chosen.values(), key=lambda item: -item[0])[:sentences]
    taken = {(hit.path, sentence.start) for _, hit, sentence in best} | left_out
    excerpts: list[tuple[Hit, list[ScoredSentence]]] = []
    for hit in hits[:passages]:
        mine = sorted((s for _, owner, s in best if owner is hit), key=lambda s: s.start)
        excerpts.extend((hit, run) for run in _runs(hit, mine, taken))
    return [_excerpt(number, hit, run) for number, (hit, run) in enumerate(excerpts, start=1)]


def orders_in(hits: Sequence[Hit]) -> list[str]:
    """Return the sentences of some hits that give orders to whoever answers from them."""
    orders = _orders(hits)
    found = {s.text: None for hit in hits for s in hit.sentences if (hit.path, s.start) in orders}
    return list(found)


def _orders(hits: Sequence[Hit]) -> set[tuple[str, int]]:
    return {
        (hit.path, sentence.start)
        for hit in hits
        for sentence, order in zip(
            hit.sentences, orders_among([s.text for s in hit.sentences]), strict=True
        )
        if order
    }


def _runs(
    hit: Hit, sentences: Sequence[ScoredSentence], taken: set[tuple[str, int]]
) -> list[list[ScoredSentence]]:
    """Group sentences that follow one another; a single one left out between two is taken in.

    Unless it is in ``taken``, for another excerpt or as an order; what is taken in is added there.
    """
    place = {sentence.start: i for i, sentence in enumerate(hit.sentences)}
    runs: list[list[ScoredSentence]] = []
    for sentence in sentences:
        if runs:
            last, here = place[runs[-1][-1].start], place[sentence.start]
            between = hit.sentences[last + 1 : here]
            keys = {(hit.path, left_out.start) for left_out in between}
            if len(between) <= 1 and not keys & taken:
                taken |= keys
                runs[-1].extend((*between, sentence))
                continue
        runs.append([sentence])
    return runs


def _excerpt(number: int, hit: Hit, sentences: Sequence[ScoredSentence]) -> Evidence:
    start, end = sentences[0].start, sentences[-1].end
    return Evidence(
        number=number,
        document=hit.document,
        document_id=hit.document_id,
        path=hit.path,
        page=sentences[0].page,
        heading=hit.heading,
        start=start,
        end=end,
        text=hit.text[start - hit.start : end - hit.start],
        score=max(sentence.score for sentence in sentences),
        sentences=tuple(sentences),
    )
