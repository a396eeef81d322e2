"""Measuring retrieval on SQuAD-format files, through the same code that answers questions."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragapp.documents.split import split_document
from ragapp.embedding.encode import Passage
from ragapp.errors import UsageError
from ragapp.index.rows import NewChunk
from ragapp.library import Library, OpenKnowledgeBase
from ragapp.people import LOCAL
from ragapp.retrieval.fuse import CANDIDATES, fuse
from ragapp.retrieval.query import Query, make_query
from ragapp.retrieval.search import search
from ragapp.settings import Settings
from ragapp.text.sentences import sentence_spans
from ragapp.types import Chunk, Document, Span

DEPTH = 10
MARKUP_TOKENS = 12
"""Prefix and special tokens beside a passage."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Passages, and for each question the number of its own passage: the one right hit."""

    passages: tuple[str, ...]
    questions: tuple[tuple[str, int], ...]


def evaluate_retrieval(
    file: Path, settings: Settings, stage: str = "rerank", limit: int | None = None
) -> dict[str, float | int | str]:
    """Index every paragraph of a SQuAD-format file and search for every question.

    stage: dense, lexical, hybrid or rerank. Returns the figures as fractions of 1.

    Raises:
        UsageError: the file is missing or not in the format.
    """
    data = read_squad(file)
    with tempfile.TemporaryDirectory(prefix="ragapp-eval-") as home:
        within = Library(settings.having(home=home)).create("eval", LOCAL)
        index_passages(data.passages, within)
        questions = data.questions
        if limit is not None and limit < len(questions):
            picked = np.linspace(0, len(questions) - 1, limit).astype(int)
            questions = tuple(questions[i] for i in picked)
        ranks = [
            rank_of(make_query(question, (), within.encoder), right, within, stage)
            for question, right in questions
        ]
    return {
        "file": file.name,
        "stage": stage,
        "pooling": settings.embedding.pooling,
        "whitening": settings.embedding.whitening,
        **figures(len(data.passages), ranks),
    }


def read_squad(file: Path) -> QuestionSet:
    """Read a SQuAD-format file (v1 or v2; unanswerable questions count like the others)."""
    try:
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        paragraphs = [p for article in articles for p in article["paragraphs"]]
        passages = tuple(paragraph["context"] for paragraph in paragraphs)
        questions = tuple(
            (qa["question"], number)
            for number, paragraph in enumerate(paragraphs)
            for qa in paragraph["qas"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "squad_file_unreadable", file=file, reason=f"{type(error).__name__}: {error}"
        ) from error
    return QuestionSet(passages, questions)


def index_passages(passages: Sequence[str], into: OpenKnowledgeBase) -> None:
    """Store each passage as a document of one chunk, or of a few where it is over the limit."""
    room = into.encoder.max_tokens - MARKUP_TOKENS
    documents = [_document(number, text) for number, text in enumerate(passages)]
    lengths = into.encoder.count_tokens(passages)
    owned: list[tuple[int, Chunk]] = []
    for number, (document, length) in enumerate(zip(documents, lengths, strict=True)):
        if length <= room:
            spans = tuple(sentence_spans(document.text))
            chunks = [Chunk(document.text, 0, len(document.text), None, (), spans)]
        else:
            chunks = list(split_document(document, into.encoder.count_tokens, room))
        owned.extend((number, chunk) for chunk in chunks)
    inputs = [
        Passage(
            chunk.text,
            sentences=tuple(
                Span(s.start - chunk.start, s.end - chunk.start) for s in chunk.sentences
            ),
        )
        for _, chunk in owned
    ]
    new: dict[int, list[NewChunk]] = {}
    encoded = dict(into.encoder.encode_passages(inputs))
    for row, (number, chunk) in enumerate(owned):
        vectors = encoded[row]
        new.setdefault(number, []).append(NewChunk(chunk, "", vectors.vector, vectors.sentences))
    with into.kb.writer() as writer:
        for number, document in enumerate(documents):
            writer.add(document, new.get(number, []))
        writer.publish(into.space)


def rank_of(query: Query, right: int, within: OpenKnowledgeBase, stage: str) -> int | None:
    """Return the place of the right passage among the first ten, from 1; None: not there."""
    if stage == "rerank":
        hits = search(query, within.kb, within.space, within.reranker, 2 * DEPTH).hits
        names = [hit.document for hit in hits]
    else:
        names = _candidate_names(query, within, stage)
    ranked = list(dict.fromkeys(names))[:DEPTH]
    return ranked.index(str(right)) + 1 if str(right) in ranked else None


def _candidate_names(query: Query, within: OpenKnowledgeBase, stage: str) -> list[str]:
    snapshot = within.kb.snapshot(within.space)
    whitening = within.space.whitening(snapshot.space_state)
    question = whitening.question(query.vector, query.language)
    found = snapshot.index.candidates(question, query.terms, CANDIDATES)
    if stage == "dense":
        ids = found.ids[np.argsort(-found.dense, kind="stable")]
    elif stage == "lexical":
        ids = found.ids[np.argsort(-found.lexical, kind="stable")]
    else:
        ids = fuse(found).ids
    chunks = within.kb.chunks(ids[: 2 * DEPTH].tolist())
    return [chunks[i].document for i in ids[: 2 * DEPTH].tolist()]


def figures(passages: int, ranks: Sequence[int | None]) -> dict[str, float | int]:
    """Sum up ranks: recall at 1, 5, 10, MRR@10 and nDCG@10 (one right passage a question)."""
    found = [rank for rank in ranks if rank is not None]
    total = max(1, len(ranks))
    return {
        "passages": passages,
        "questions": len(ranks),
        **{f"recall@{k}": sum(rank <= k for rank in found) / total for k in (1, 5, 10)},
        "mrr@10": sum(1 / rank for rank in found) / total,
        "ndcg@10": float(sum(1 / np.log2(rank + 1) for rank in found)) / total,
    }


def _document(number: int, text: str) -> Document:
    digest = hashlib.sha256(f"{number}:{text}".encode()).hexdigest()
    return Document(str(number), f"/{number}", digest, "text/plain", text)
