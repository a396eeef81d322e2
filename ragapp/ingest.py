"""Files to a knowledge base: discover → parse → split → embed → store → publish."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ragapp.documents.discover import discover
from ragapp.documents.parse import parse_file
from ragapp.documents.split import split_document
from ragapp.embedding.encode import Passage
from ragapp.errors import Cancelled, DocumentError, KnowledgeBaseBusy
from ragapp.index.knowledge_base import Writer
from ragapp.index.rows import NewChunk
from ragapp.index.store import StoredDocument
from ragapp.library import OpenKnowledgeBase
from ragapp.types import (
    CancelCheck,
    Chunk,
    Document,
    Progress,
    ProgressSink,
    Span,
    Stage,
    ignore_progress,
    never_cancel,
)

CONTEXT_TOKENS = 64
"""Room beside ``chunk_tokens`` for the title and headings that are encoded with a chunk."""
PUBLISH_EVERY_S = 60.0
"""A long run becomes searchable in steps; publishing 10,000 chunks takes some seconds."""

WATCH_EVERY_S = 2.0


class Status(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"  # the same bytes are there under another name that still exists
    RENAMED = "renamed"
    FAILED = "failed"
    REMOVED = "removed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """The fate of one file; ``error`` and ``notes`` are sentences for people."""

    path: str
    status: Status
    chunks: int = 0
    pages: int = 0
    error: str | None = None
    notes: tuple[str, ...] = ()


def ingest(
    files: Sequence[Path],
    into: OpenKnowledgeBase,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
) -> list[IngestedFile]:
    """Bring files and folders into a knowledge base; a file that fails does not stop the rest.

    What was stored when ``cancel`` says stop is kept and published.

    Raises:
        KnowledgeBaseBusy: somebody else is writing.
    """
    found = discover(files)
    results: list[IngestedFile] = []
    with into.kb.writer() as writer:
        published = time.monotonic()
        for file in found:
            if cancel():
                results.append(IngestedFile(str(file), Status.CANCELLED))
                continue
            results.append(_ingest_file(file, into, writer, progress, cancel))
            if time.monotonic() - published > PUBLISH_EVERY_S:
                writer.publish(into.space)
                published = time.monotonic()
        if writer.unpublished():
            progress(Progress(Stage.INDEXING, into.kb.name))
            writer.publish(into.space)
    return results


def remove(document: str, kb: OpenKnowledgeBase) -> list[StoredDocument]:
    """Take the documents of a name or path out of a knowledge base. Returns those removed."""
    with kb.kb.writer() as writer:
        doomed = [d for d in writer.documents() if document in (d.name, d.path)]
        for stored in doomed:
            writer.remove(stored.id)
        if doomed:
            writer.publish(kb.space)
    return doomed


def _ingest_file(
    file: Path, into: OpenKnowledgeBase, writer: Writer, progress: ProgressSink, cancel: CancelCheck
) -> IngestedFile:
    path = str(file.absolute())
    try:
        progress(Progress(Stage.PARSING, path))
        document = parse_file(file)
        kept = _already_there(document, writer)
        if kept is not None:
            progress(Progress(Stage.DONE, path, message=kept.status))
            return kept
        replaces = bool(writer.find(path=path))
        progress(Progress(Stage.CHUNKING, path))
        chunks = split_document(document, into.encoder.count_tokens, into.chunk_tokens)
        new = list(_embed(document, chunks, into, progress, cancel))
        writer.add(document, new)
    except Cancelled:
        progress(Progress(Stage.FAILED, path, message="stopped"))
        return IngestedFile(path, Status.CANCELLED)
    except DocumentError as error:
        progress(Progress(Stage.FAILED, path, message=str(error)))
        return IngestedFile(path, Status.FAILED, error=str(error))
    progress(Progress(Stage.DONE, path, len(new), len(new), "; ".join(document.notes)))
    return IngestedFile(
        path,
        Status.UPDATED if replaces else Status.ADDED,
        chunks=len(new),
        pages=len(document.pages),
        notes=document.notes,
    )


def _already_there(document: Document, writer: Writer) -> IngestedFile | None:
    """Say so when these bytes are stored already, under this path or another."""
    same = writer.find(sha256=document.sha256)
    for stored in same:
        if stored.path == document.path:
            return _kept(document, stored, Status.UNCHANGED)
    for replaced in writer.find(path=document.path) if same else ():
        writer.remove(replaced.id)  # what this path held before is gone
    for stored in same:
        if Path(stored.path).exists():
            note = f"the same content as {stored.path}"
            return _kept(document, stored, Status.DUPLICATE, note)
        writer.rename(stored.id, document.path, document.name)
        return _kept(document, stored, Status.RENAMED, f"moved from {stored.path}")
    return None


def _kept(document: Document, stored: StoredDocument, status: Status, *notes: str) -> IngestedFile:
    return IngestedFile(
        document.path, status, chunks=stored.chunks, pages=stored.pages, notes=notes
    )


def _embed(
    document: Document,
    chunks: Sequence[Chunk],
    into: OpenKnowledgeBase,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> Iterator[NewChunk]:
    """Encode the chunks of a document, in their order."""
    contexts = [chunk_context(document.name, chunk.heading, into) for chunk in chunks]
    passages = [
        Passage(
            chunk.text,
            context,
            tuple(Span(s.start - chunk.start, s.end - chunk.start) for s in chunk.sentences),
        )
        for chunk, context in zip(chunks, contexts, strict=True)
    ]
    progress(Progress(Stage.EMBEDDING, document.path, 0, len(chunks)))
    encoded = {}
    for row, vectors in into.encoder.encode_passages(passages, cancel):
        encoded[row] = vectors
        progress(Progress(Stage.EMBEDDING, document.path, len(encoded), len(chunks)))
    for row, chunk in enumerate(chunks):
        yield NewChunk(chunk, contexts[row], encoded[row].vector, encoded[row].sentences)


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


def watch(
    paths: Sequence[Path], into: OpenKnowledgeBase, stop: threading.Event
) -> Iterator[list[IngestedFile]]:
    """Follow files and folders until ``stop``: yields what each round of changes led to.

    New and changed files are ingested when they have been still for one round; files that have
    gone are removed.
    """
    known = _states(paths)
    pending: dict[Path, tuple[float, int]] = {}
    while not stop.wait(WATCH_EVERY_S):
        states = _states(paths)
        changed = {p: s for p, s in states.items() if known.get(p) != s}
        settled = [path for path, state in changed.items() if pending.get(path) == state]
        gone = [path for path in known if path not in states]
        pending = changed
        results: list[IngestedFile] = []
        # While somebody else writes, the changes stay unknown, and the next round tries again.
        with contextlib.suppress(KnowledgeBaseBusy):
            for path in gone:
                if remove(str(path.absolute()), into):
                    results.append(IngestedFile(str(path), Status.REMOVED))
            if settled:
                results += ingest(settled, into, cancel=stop.is_set)
            known = {p: s for p, s in known.items() if p in states}
            known |= {path: states[path] for path in settled}
        if results:
            yield results


def _states(paths: Sequence[Path]) -> dict[Path, tuple[float, int]]:
    """Return modification time and size of every file there is."""
    states = {}
    for path in discover(paths):
        with contextlib.suppress(OSError):  # gone since it was listed
            status = path.stat()
            states[path] = (status.st_mtime, status.st_size)
    return states
