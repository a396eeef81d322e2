"""Answers by quotation: the best sentences themselves, no model involved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ragapp.types import AnswerCited, AnswerText, Citation, Evidence, ScoredSentence

QUOTED_SENTENCES = 3
CLOSE_ENOUGH = 0.5
"""A sentence is quoted when its score is at least this share of the best one's."""


def quote(evidence: Sequence[Evidence]) -> Iterator[AnswerText | AnswerCited]:
    """Quote up to three sentences, best first, each with its citation.

    A list that is asked for is quoted whole, in its order, and nothing beside it. Offsets count
    from the first character yielded.
    """
    ranked = sorted(
        ((sentence, item) for item in evidence for sentence in item.sentences),
        key=lambda pair: -pair[0].score,
    )
    yield from _quoted(_chosen(ranked))


def quote_all(evidence: Sequence[Evidence]) -> Iterator[AnswerText | AnswerCited]:
    """Quote every sentence of the evidence in its order."""
    yield from _quoted((sentence, item) for item in evidence for sentence in item.sentences)


def _quoted(
    chosen: Iterable[tuple[ScoredSentence, Evidence]],
) -> Iterator[AnswerText | AnswerCited]:
    quoted: list[str] = []
    length = 0
    for sentence, item in chosen:
        text = " ".join(sentence.text.split())
        if text in quoted:  # the same words in two places are one quotation
            continue
        mark = f"[{item.number}]"
        shown = f"{chr(10) if quoted else ''}“{text}” {mark}"
        length += len(shown)
        quoted.append(text)
        yield AnswerText(shown)
        citation = Citation(
            item.number, item.document, sentence.page, sentence.text, sentence.start,
            sentence.end, document_id=item.document_id,
        )  # fmt: skip
        yield AnswerCited(citation, length - len(mark))


def _chosen(
    ranked: Sequence[tuple[ScoredSentence, Evidence]],
) -> Iterator[tuple[ScoredSentence, Evidence]]:
    """Yield what is quoted, the same words not counted twice."""
    if not ranked:
        return
    best, of = ranked[0]
    if best.together is not None:
        items = [
            (sentence, item)
            for sentence, item in ranked
            if (item.document_id, sentence.together) == (of.document_id, best.together)
        ]
        yield from sorted(items, key=lambda one: one[0].start)
        return
    texts: set[str] = set()
    for sentence, item in ranked:
        texts.add(" ".join(sentence.text.split()))
        if len(texts) > QUOTED_SENTENCES or sentence.score < CLOSE_ENOUGH * best.score:
            return
        yield sentence, item
