"""Whether anything retrieved is about the question at all."""

from __future__ import annotations

from collections.abc import Sequence

from ragapp.types import Hit

RELEVANT_SENTENCE = 0.35
"""Cosine plus weighted term coverage of the best sentence; set by benchmarks/relevance.py."""


def is_relevant(hits: Sequence[Hit]) -> bool:
    """Say whether the best sentence of any hit is close enough to the question to answer it."""
    best = max((s.score for hit in hits for s in hit.sentences), default=float("-inf"))
    return best >= RELEVANT_SENTENCE
