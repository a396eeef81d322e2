"""When nothing that was found is about the question: a threshold fitted to each knowledge base.

How near the nearest sentence is to a question that the documents do not answer depends on the
model, the pooling, how much there is and in which language. So questions that no document of the
base is about are asked, once for each fit of its whitening, and their scores kept; a question is
refused whose best sentence would not stand out among them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ragapp.text.language import Language, language_of
from ragapp.types import Hit

if TYPE_CHECKING:
    from numpy.typing import NDArray

RELEVANT_SENTENCE = 0.26
"""Scores are stretched so that the threshold lies here, whatever the base and the languages."""
UNCALIBRATED = RELEVANT_SENTENCE
"""Threshold where none was fitted: every own question of four public sets passes it."""
CAUTION = 0.9
"""Share of the questions about something else that are to be refused."""
STEPS = 20
"""Into which the scores are summed up: every twentieth."""
LEAST = 0.1
"""No threshold is lower, however little a base holds."""

Quantiles = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores by language of the question, then of the passages: ``STEPS`` + 1 quantiles.

    unanswerable: best sentences for questions about something else; answerable: for pieces of the
    base's own sentences. space: version of the whitening that they are of.
    """

    space: int = 0
    unanswerable: Mapping[Language, Mapping[Language, Quantiles]] = field(default_factory=dict)
    answerable: Mapping[Language, Quantiles] = field(default_factory=dict)

    def threshold(self, question: Language, passage: Language, caution: float = CAUTION) -> float:
        """Return the score below which a sentence does not answer a question."""
        by_language = self.unanswerable.get(question, {})
        scores = by_language.get(passage)
        if not scores:
            return UNCALIBRATED
        if question is not passage and question in by_language:  # two chances to pass wrongly
            caution = 1 - (1 - caution) / 2
        return max(LEAST, float(np.quantile(scores, caution)))

    def stretch(self, question: Language, passage: Language, caution: float = CAUTION) -> float:
        """Return by what scores are multiplied, to be comparable between languages and bases."""
        return RELEVANT_SENTENCE / self.threshold(question, passage, caution)

    def wrongly_refused(self, language: Language, caution: float = CAUTION) -> float | None:
        """Return the share of answerable questions that are refused; None: not measured."""
        scores = self.answerable.get(language)
        if not scores:
            return None
        return _share_below(self.threshold(language, language, caution), scores)

    def wrongly_answered(self, language: Language, caution: float = CAUTION) -> float | None:
        """Return the share of questions about something else that pass; None: not measured."""
        scores = self.unanswerable.get(language, {}).get(language)
        if not scores:
            return None
        return 1 - _share_below(self.threshold(language, language, caution), scores)

    def to_json(self) -> str:
        """Write it down, as the knowledge base keeps it."""
        return json.dumps(
            {
                "space": self.space,
                "unanswerable": self.unanswerable,
                "answerable": self.answerable,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read what ``to_json`` wrote; what cannot be read counts as never fitted."""
        try:
            read = json.loads(text)
            unanswerable = {
                Language(asked): {Language(of): tuple(scores) for of, scores in by.items()}
                for asked, by in read["unanswerable"].items()
            }
            answerable = {Language(of): tuple(s) for of, s in read["answerable"].items()}
            return cls(int(read["space"]), unanswerable, answerable)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()


def quantiles(scores: Sequence[float] | NDArray[np.float32]) -> Quantiles:
    """Sum scores up."""
    points = np.quantile(np.array(scores, np.float64), np.linspace(0, 1, STEPS + 1))
    return tuple(round(float(point), 4) for point in points)


def _share_below(threshold: float, scores: Quantiles) -> float:
    return float(np.interp(threshold, scores, np.linspace(0, 1, len(scores))))


def relevance(hits: Sequence[Hit]) -> float:
    """Return the best sentence's score; -1 without any."""
    return max((sentence.score for hit in hits for sentence in hit.sentences), default=-1.0)


def is_relevant(hits: Sequence[Hit]) -> bool:
    """Say whether the best sentence of any hit is close enough to the question to answer it."""
    return relevance(hits) >= RELEVANT_SENTENCE


def passage_language(text: str) -> Language:
    """Return the language in which a passage is compared: that of its opening."""
    return language_of(text[:200])
