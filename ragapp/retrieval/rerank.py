"""Reordering the first hits: by their best sentence, or by a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ragapp.errors import ModelError
from ragapp.retrieval.fuse import z_score
from ragapp.types import Hit
from ragapp.untyped import CrossEncoder

RERANK_DEPTH = 20
BEST_SENTENCE_WEIGHT = 0.5
"""Of the best sentence's z-score beside the passage's; 0.25 to 1 differ by 0.1 MRR@10."""


class Reranker(Protocol):
    """Gives hits, whose sentences are scored, their final scores and order."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the same hits, best first, with new scores."""


class SentenceReranker:
    """Adds each passage's best sentence to its score: a dot product, no model is run."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits ordered by z(passage) + weight · z(best sentence)."""
        if not hits:
            return []
        passages = z_score(np.array([hit.score for hit in hits], np.float32))
        sentences = z_score(
            np.array(
                [max((s.score for s in hit.sentences), default=0.0) for hit in hits], np.float32
            )
        )
        return _ordered(hits, (passages + BEST_SENTENCE_WEIGHT * sentences).tolist())


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder, for example bge-reranker-v2-m3."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> CrossEncoderReranker:
        """Load from a local folder.

        Raises:
            ModelError: the folder holds no cross-encoder.
        """
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder

        try:
            return cls(CrossEncoder(str(folder), device=device, local_files_only=True))
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError("reranker_unreadable", folder=folder, reason=str(error)) from error

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits ordered by the model's score of (question, passage)."""
        if not hits:
            return []
        pairs = [(question, "\n".join((*hit.heading, hit.text))) for hit in hits]
        scores = self._model.predict(pairs, show_progress_bar=False)
        return _ordered(hits, [float(score) for score in scores])


def _ordered(hits: Sequence[Hit], scores: Sequence[float]) -> list[Hit]:
    rescored = [replace(hit, score=score) for hit, score in zip(hits, scores, strict=True)]
    return sorted(rescored, key=lambda hit: -hit.score)
