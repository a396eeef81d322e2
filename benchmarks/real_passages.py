"""Real passages, vectors and questions to measure an index on, many times as many as there are.

Texts of folders (such as the HTML of Debian's linux-doc and python3-doc) are cut to pieces of some
sentences, encoded and whitened as in a knowledge base. Questions are the middle sentences of pieces
that are left out, every third word dropped, encoded as questions.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragapp.documents.discover import discover
from ragapp.documents.parse import parse_file
from ragapp.embedding.encode import Passage
from ragapp.errors import DocumentError
from ragapp.library import Library, OpenKnowledgeBase
from ragapp.people import LOCAL
from ragapp.settings import load_settings
from ragapp.text.language import language_of, languages_of
from ragapp.text.sentences import sentence_spans

QUESTIONS = 200
PIECE = 300
"""Characters at least."""
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """texts with their whitened vectors (n, k); questions with theirs (QUESTIONS, k)."""

    texts: list[str]
    vectors: Vectors
    questions: list[str]
    question_vectors: Vectors


def sample_of(folders: Sequence[Path], at_most: int, kept: Path | None) -> Sample:
    """Read and encode up to so many pieces; ``kept``: where they are found again next time."""
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            texts, questions = json.loads(arrays["texts"].tobytes())
            return Sample(texts, arrays["vectors"], questions, arrays["question_vectors"])
    pieces = list(pieces_of(folders))
    random.Random(0).shuffle(pieces)
    asked = [question_of(piece) for piece in pieces[:QUESTIONS]]
    texts = pieces[QUESTIONS : QUESTIONS + at_most]
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        base = Library(load_settings().having(home=Path(home))).create("vectors", LOCAL)
        vectors, question_vectors = whitened(texts, asked, base)
    if kept is not None:
        data = np.frombuffer(json.dumps([texts, asked]).encode(), np.uint8)
        np.savez(kept, texts=data, vectors=vectors, question_vectors=question_vectors)
    return Sample(texts, vectors, asked, question_vectors)


def pieces_of(folders: Sequence[Path]) -> Iterator[str]:
    """Yield the pieces of all documents."""
    for file in discover(folders).files:
        if file.suffix not in {".html", ".txt", ".md"}:
            continue
        try:
            text = parse_file(file).text
        except DocumentError:
            continue
        start = 0
        for span in sentence_spans(text):
            if span.end - start >= PIECE:
                yield text[start : span.end][:1200]
                start = span.end


def whitened(
    texts: Sequence[str], asked: Sequence[str], base: OpenKnowledgeBase
) -> tuple[Vectors, Vectors]:
    """Encode and whiten passages and questions."""
    raw = np.zeros((len(texts), base.encoder.dimension), np.float32)
    for row, encoded in base.encoder.encode_passages([Passage(text) for text in texts]):
        raw[row] = encoded.vector
    whitening = base.space.whitening(base.space.fit(raw, texts, []))
    questions = base.encoder.encode_queries(asked)
    return whitening.passages(raw, languages_of(texts)), np.stack(
        [whitening.question(v, language_of(t)) for v, t in zip(questions, asked, strict=True)]
    )


def question_of(piece: str) -> str:
    """Take the middle sentence, without every third word."""
    spans = sentence_spans(piece)
    span = spans[len(spans) // 2]
    words = piece[span.start : span.end].split()
    return " ".join(word for place, word in enumerate(words) if place % 3 != 2)[:200]


def grown(real: Vectors, rows: int, seed: int = 0) -> Vectors:
    """Take so many rows; beyond what is there, one plus half the difference of two others.

    That keeps mean and covariance nearly, and puts rows between those that there are.
    """
    if rows <= len(real):
        return real[:rows]
    chance = np.random.default_rng(seed)
    result = np.empty((rows, real.shape[1]), np.float32)
    result[: len(real)] = real
    for start in range(len(real), rows, 50_000):
        end = min(rows, start + 50_000)
        one, two, three = chance.integers(0, len(real), (3, end - start))
        made = real[one] + 0.5 * (real[two] - real[three])
        result[start:end] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return result
