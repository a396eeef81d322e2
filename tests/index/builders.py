"""Small documents with vectors made from their words: an index to test without any model."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragapp.embedding.space import VectorSpace
from ragapp.embedding.whiten import BackgroundStatistics, moments, unit
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.recipe import Recipe
from ragapp.index.rows import IndexRows
from ragapp.index.store import NewChunk
from ragapp.text.language import Language
from ragapp.text.terms import term_hash, terms
from ragapp.types import Chunk, Document, Page, Span

DIMENSION = 16


def asked(text: str) -> Counter[str]:
    """What each term of a question counts, function words and all."""
    return Counter(terms(text))


RECIPE = Recipe(
    embedder="words", embedder_fingerprint="0", pooling="mean", dimension=DIMENSION,
    query_prefix="", passage_prefix="", whitening=False, whitening_exponent=0.2,
    whitening_dimensions=0, whitening_shared_mean=False, chunk_tokens=320, background_version=1,
)  # fmt: skip
RAW = VectorSpace(DIMENSION, background=None, exponent=0.2)


def vector_of(text: str) -> NDArray[np.float32]:
    """One random direction a term, summed: texts that share words point the same way."""
    total = np.zeros(DIMENSION)
    for term in terms(text):
        total += np.random.default_rng(term_hash(term)).normal(size=DIMENSION)
    return unit(total)


def document(path: str, *paragraphs: str, pages: tuple[Page, ...] = ()) -> Document:
    text = "\n".join(paragraphs)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(Path(path).name, path, digest, "text/plain", text, pages)


def chunks_of(of: Document) -> list[NewChunk]:
    """One chunk a paragraph, of one sentence."""
    made, start = [], 0
    for paragraph in of.text.split("\n"):
        end = start + len(paragraph)
        chunk = Chunk(paragraph, start, end, None, (), (Span(start, end),))
        vector = vector_of(paragraph)
        made.append(NewChunk(chunk, "", vector, vector[None]))
        start = end + 1
    return made


def new_kb(folder: Path, *documents: Document, space: VectorSpace = RAW) -> KnowledgeBase:
    kb = KnowledgeBase.create(folder, RECIPE)
    if documents:
        with kb.writer() as writer:
            for each in documents:
                writer.add(each, chunks_of(each))
            writer.publish(space)
    return kb


def searched(
    kb: KnowledgeBase, text: str, space: VectorSpace = RAW
) -> list[tuple[str, float, float]]:
    """Every chunk of the current generation with its dense and lexical score, best first."""
    snapshot = kb.snapshot(space)
    question = space.whitening(snapshot.space_state).question(vector_of(text), Language.ENGLISH)
    found = snapshot.index.candidates(question, asked(text), 10**6)
    chunks = kb.chunks(found.ids.tolist(), snapshot.generation)  # as a search reads them
    order = np.argsort(-found.dense, kind="stable")
    return [
        (chunks[i].text, round(float(dense), 5), round(float(lexical), 5))
        for i, dense, lexical in zip(
            found.ids[order].tolist(), found.dense[order], found.lexical[order], strict=True
        )
        if i in chunks
    ]


def texts_found(kb: KnowledgeBase, text: str, space: VectorSpace = RAW) -> set[str]:
    return {found for found, _, _ in searched(kb, text, space)}


def whitening_space(exponent: float = 0.2) -> VectorSpace:
    """A space with a background, as a real model has one."""
    generator = np.random.default_rng(0)
    vectors = unit(generator.normal(size=(40, DIMENSION)) + 1)
    languages = [Language.CHINESE, Language.ENGLISH] * 20
    background = BackgroundStatistics(
        dict.fromkeys(Language, vectors.mean(axis=0)),
        moments(vectors, languages, DIMENSION),
        moments(vectors, languages, DIMENSION),
    )
    return VectorSpace(DIMENSION, background, exponent)


def all_rows(blocks: Iterable[IndexRows]) -> IndexRows:
    """Join what a store yields block by block."""
    held = list(blocks)
    nothing, no_vectors = np.zeros(0, np.int64), np.zeros((0, DIMENSION), np.float32)
    return IndexRows(
        np.concatenate([nothing, *(block.ids for block in held)]),
        np.concatenate([nothing, *(block.documents for block in held)]),
        np.concatenate([block.vectors for block in held] or [no_vectors]),
        [terms for block in held for terms in block.terms],
        [opening for block in held for opening in block.openings],
    )
