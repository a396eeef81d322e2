"""The sentences of retrieved passages, scored against the question.

A sentence is judged by its vector, by the terms that it shares with the question, and by those that
stand above it: the name of its file and its headings say what it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from ragapp.embedding.whiten import Whitening
from ragapp.index.rows import StoredChunk
from ragapp.retrieval.answer_kind import AnswerKind, holds, kind_asked_for
from ragapp.retrieval.calibration import Calibration, passage_language
from ragapp.retrieval.query import Query
from ragapp.text.language import Language
from ragapp.text.terms import terms_among
from ragapp.types import ScoredSentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

COVERAGE_WEIGHT = 0.6
"""Of the question's terms found in a sentence, beside its cosine: the sentence with the answer
comes first in 66 / 78 / 81 % instead of 60 / 73 / 75 % (CMRC / XQuAD-zh / XQuAD-en)."""
ABOVE_SHARE = 0.7
"""Of a term that stands above the sentence, in a heading or the file's name, not in it."""
BEFORE_SHARE = 0.5
"""Of a term that the sentence before holds: what is spoken of is often named only there."""
KIND_BONUS = 0.1
"""For a number where one is asked for, a time, a reason."""
LEAD_IN = ("?", "？", ":", "：")
LEAD_IN_SHARE = 0.95
LEAD_IN_KEEPS = 0.5
HEADING_KEEPS = 0.3
LIST_ASKED_FOR = 0.75
"""Of the question's weight: a line that leads to a list and says so much of it asks for it all."""

_ITEM = re.compile(
    r"\s*(?:[-*+•·●○■□◆▪–—]|[(（]?(?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[.)）、．])"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence with what stands above it; ``is_heading``: it is one itself."""

    sentence: ScoredSentence
    covered: float
    is_heading: bool
    is_item: bool


def score_sentences(
    query: Query,
    chunks: Sequence[StoredChunk],
    whitening: Whitening,
    weights: Mapping[str, float],
    calibration: Calibration | None = None,
) -> list[tuple[ScoredSentence, ...]]:
    """Score each sentence of each chunk against the question, in the order of the text.

    calibration: by which scores in all languages become comparable; None leaves them as they are.
    """
    question = whitening.question_for_sentences(query.vector, query.language)
    kind = kind_asked_for(query.text)
    cosines: dict[int, NDArray[np.float32]] = {}
    for language in Language:
        # One product for all chunks of a language: many small ones cost five times as much.
        mine = [chunk for chunk in chunks if passage_language(chunk.text) is language]
        if mine:
            vectors = np.concatenate([chunk.sentence_vectors for chunk in mine])
            ends = np.cumsum([len(chunk.sentence_vectors) for chunk in mine])[:-1]
            scores = np.split(whitening.sentences(vectors, language) @ question, ends)
            cosines |= {chunk.id: part for chunk, part in zip(mine, scores, strict=True)}
    stretch = {
        language: calibration.stretch(query.language, language) if calibration else 1.0
        for language in Language
    }
    return [
        tuple(
            replace(one, score=one.score * stretch[passage_language(chunk.text)])
            for one in _pass_on(_lines(chunk, cosines[chunk.id], weights, kind))
        )
        for chunk in chunks
    ]


def _lines(
    chunk: StoredChunk,
    cosines: NDArray[np.float32],
    weights: Mapping[str, float],
    kind: AnswerKind | None,
) -> list[_Line]:
    name = terms_among(weights, PurePath(chunk.document).stem)
    above = name | terms_among(weights, "\n".join(chunk.heading))
    inner = list(chunk.headings)
    open_: list[
        tuple[int, set[str]]
    ] = []  # levels and terms of the headings above, outermost first
    lines = []
    before: set[str] = set()
    for span, page, cosine in zip(chunk.sentences, chunk.sentence_pages, cosines, strict=True):
        text = chunk.text[span.start - chunk.start : span.end - chunk.start]
        is_heading = text.strip("# ") in chunk.heading
        while inner and inner[0].start < span.end:
            heading = inner.pop(0)
            is_heading = is_heading or heading.start >= span.start
            open_ = [one for one in open_ if one[0] < heading.level]
            open_.append((heading.level, terms_among(weights, heading.title)))
        own = terms_among(weights, text)
        around = above.union(*(terms for _, terms in open_)) - own
        covered = sum(weights[t] for t in own) + ABOVE_SHARE * sum(weights[t] for t in around)
        covered += BEFORE_SHARE * sum(weights[t] for t in before - own - around)
        score = float(cosine) + COVERAGE_WEIGHT * covered
        if kind is not None and holds(text, kind):
            score += KIND_BONUS
        before = own
        lines.append(
            _Line(
                ScoredSentence(text, span.start, span.end, page, score),
                sum(weights[t] for t in own | around),
                is_heading,
                bool(_ITEM.match(text)),
            )
        )
    return lines


def _pass_on(lines: Sequence[_Line]) -> Iterator[ScoredSentence]:
    """Let a line that only leads to the next one pass its score on.

    A heading, a question or a line ending in a colon resembles the question more than its answer
    does, but says nothing; what it stands for is the sentence after it, or the whole list.
    """
    inherited, in_list, together = float("-inf"), False, None
    for line in lines:
        leads = line.sentence.text.rstrip().endswith(LEAD_IN)
        if in_list and not line.is_item:  # the list is at its end
            inherited, in_list, together = float("-inf"), False, None
        score = max(line.sentence.score, inherited)
        if line.is_heading or leads:
            inherited = LEAD_IN_SHARE * score
            together = line.sentence.start if line.covered >= LIST_ASKED_FOR else None
            score *= HEADING_KEEPS if line.is_heading else LEAD_IN_KEEPS
            yield replace(line.sentence, score=score)
        elif line.is_item:
            in_list = True
            yield replace(line.sentence, score=score, together=together)
        else:
            yield replace(line.sentence, score=score)
            inherited, together = float("-inf"), None
