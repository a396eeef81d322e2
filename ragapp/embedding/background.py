"""What a model makes of generic text: question means, passage and sentence moments.

The texts beside this module (``background/*.txt``, written for this purpose) are encoded once for
each model and pooling, and the statistics kept beside the weights. They centre questions, and
are the prior that keeps whitening sound in a knowledge base of a few chunks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

from ragapp.embedding.encode import Encoder, Passage
from ragapp.embedding.whiten import BackgroundStatistics, Moments, moments
from ragapp.text.language import Language, languages_of
from ragapp.types import Span

logger = logging.getLogger(__name__)

BACKGROUND_VERSION = 1
"""Recorded with what is fitted on these texts; a change of them needs a new number."""

SentenceSplitter = Callable[[str], list[Span]]


def background_statistics(
    encoder: Encoder, file: Path, sentence_spans: SentenceSplitter
) -> BackgroundStatistics:
    """Read the statistics of this encoder from ``file``, or compute and keep them there."""
    if file.is_file():
        return _load(file)
    statistics = compute(encoder, sentence_spans)
    file.parent.mkdir(parents=True, exist_ok=True)
    _save(statistics, file)
    return statistics


def compute(encoder: Encoder, sentence_spans: SentenceSplitter) -> BackgroundStatistics:
    """Encode the background texts, some 20 seconds on 2 cores."""
    logger.info("computing background statistics of the embedding model (once)")
    question_means = {
        language: encoder.encode_queries(_lines("questions", language)).mean(axis=0)
        for language in Language
    }
    texts = [text for language in Language for text in _lines("passages", language)]
    passages = [Passage(text, sentences=tuple(sentence_spans(text))) for text in texts]
    vectors = np.zeros((len(texts), encoder.dimension), np.float32)
    sentences, sentence_languages = [], []
    languages = languages_of(texts)
    for row, encoded in encoder.encode_passages(passages):
        vectors[row] = encoded.vector
        sentences.append(encoded.sentences)
        sentence_languages.extend([languages[row]] * len(encoded.sentences))
    sentence_vectors = np.concatenate(sentences)
    return BackgroundStatistics(
        question_means=question_means,
        passages=moments(vectors, languages, vectors.shape[1]),
        sentences=moments(sentence_vectors, sentence_languages, sentence_vectors.shape[1]),
    )


def questions_of(language: Language) -> list[str]:
    """Return questions about all sorts of things, some of which no base is about."""
    return _lines("questions", language)


def _lines(kind: str, language: Language) -> list[str]:
    file = resources.files("ragapp.embedding") / "background" / f"{kind}.{language}.txt"
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _save(statistics: BackgroundStatistics, file: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {f"question.{k}": v for k, v in statistics.question_means.items()}
    for kind, part in (("passages", statistics.passages), ("sentences", statistics.sentences)):
        arrays[f"{kind}.scatter"] = part.scatter.astype(np.float32)
        for language in Language:
            arrays[f"{kind}.mean.{language}"] = part.means[language].astype(np.float32)
            arrays[f"{kind}.count.{language}"] = np.array([part.counts[language]], np.int64)
    partial = file.with_suffix(".partial")
    save_file(arrays, partial)
    partial.replace(file)


def _load(file: Path) -> BackgroundStatistics:
    from safetensors.numpy import load_file

    arrays = load_file(file)

    def part(kind: str) -> Moments:
        return Moments(
            means={k: arrays[f"{kind}.mean.{k}"].astype(np.float64) for k in Language},
            scatter=arrays[f"{kind}.scatter"].astype(np.float64),
            counts={k: int(arrays[f"{kind}.count.{k}"][0]) for k in Language},
        )

    return BackgroundStatistics(
        question_means={k: arrays[f"question.{k}"] for k in Language},
        passages=part("passages"),
        sentences=part("sentences"),
    )
