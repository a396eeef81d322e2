"""Documents between reading and writing: their chunks, and the vectors that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.embedding.encode import Passage
from ragapp.index.rows import NewChunk
from ragapp.library import OpenKnowledgeBase
from ragapp.machine import give_memory_back
from ragapp.types import CancelCheck, Chunk, Document, Progress, ProgressSink, Span, Stage

if TYPE_CHECKING:
    from ragapp.embedding.encode import EncodedPassage

TRIM_EVERY = 64
"""Passages; a trim takes some milliseconds, and these a second."""
CONTEXT_TOKENS = 64
"""Room beside ``chunk_tokens`` for the title and headings that are encoded with a chunk."""


@dataclass(slots=True)
class Pending:
    """A parsed document and its chunks, or some of those of a long one.

    before, left: how many chunks come before these, and about how many behind.
    """

    document: Document
    chunks: list[Chunk]
    contexts: list[str]
    encoded: dict[int, EncodedPassage] = field(default_factory=dict)
    before: int = 0
    left: int = 0

    @classmethod
    def of(cls, document: Document, chunks: list[Chunk], into: OpenKnowledgeBase) -> Pending:
        """Take chunks of a document, each with what is encoded in front of it."""
        contexts = [chunk_context(document.name, chunk.heading, into) for chunk in chunks]
        return cls(document, chunks, contexts)

    @property
    def whole(self) -> bool:
        """Say whether all of these are encoded."""
        return len(self.encoded) == len(self.chunks)

    def new_chunks(self) -> Iterator[NewChunk]:
        """Yield the chunks with their vectors, once all are there."""
        for place, (chunk, context) in enumerate(zip(self.chunks, self.contexts, strict=True)):
            encoded = self.encoded[place]
            yield NewChunk(chunk, context, encoded.vector, encoded.sentences)


def embed(
    group: Sequence[Pending],
    into: OpenKnowledgeBase,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> None:
    """Encode the chunks of several documents together, in batches by length.

    Raises:
        Cancelled: ``cancel`` said so; some may be whole all the same.
    """
    owners = [(one, place) for one in group for place in range(len(one.chunks))]

    def tell(one: Pending) -> None:
        done, total = one.before + len(one.encoded), one.before + len(one.chunks) + one.left
        progress(Progress(Stage.EMBEDDING, one.document.path, done, total))

    for one in group:
        tell(one)
    passages = [_passage(one.chunks[place], one.contexts[place]) for one, place in owners]
    for number, (row, encoded) in enumerate(into.encoder.encode_passages(passages, cancel), 1):
        one, place = owners[row]
        one.encoded[place] = encoded
        tell(one)
        if number % TRIM_EVERY == 0:
            give_memory_back()


def chunk_context(name: str, heading: Sequence[str], into: OpenKnowledgeBase) -> str:
    """Return what is encoded in front of a chunk: the file's name and its headings.

    The outermost are left out first when all of it is longer than ``CONTEXT_TOKENS``.
    """
    stem = Path(name).stem
    titles = [stem, *(title for title in heading if title != stem)]
    while len(titles) > 1 and into.encoder.count_tokens([" > ".join(titles)])[0] > CONTEXT_TOKENS:
        titles.pop(0)
    context = " > ".join(titles)
    return context if into.encoder.count_tokens([context])[0] <= CONTEXT_TOKENS else ""


def _passage(chunk: Chunk, context: str) -> Passage:
    spans = tuple(Span(s.start - chunk.start, s.end - chunk.start) for s in chunk.sentences)
    return Passage(chunk.text, context, spans)
