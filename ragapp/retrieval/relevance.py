"""Whether anything retrieved is about the question at all."""

from __future__ import annotations

from collections.abc import Sequence

from ragapp.types import Hit

# benchmarks/relevance.py: every own question passes, 73 % of foreign ones are refused. Higher would
# refuse paraphrased questions; what passes wrongly, the prompt lets the model refuse.
RELEVANT_SENTENCE = 0.26


def relevance(hits: Sequence[Hit]) -> float:
    """Return the best sentence's score: cosine plus term coverage; -1 without any."""
    return max((sentence.score for hit in hits for sentence in hit.sentences), default=-1.0)


def is_relevant(hits: Sequence[Hit]) -> bool:
    """Say whether the best sentence of any hit is close enough to the question to answer it."""
    return relevance(hits) >= RELEVANT_SENTENCE
