"""Files to a knowledge base: discover → parse → split → embed → write → publish.

Parsing goes on in worker processes while earlier files are embedded; chunks of several small files
are embedded together; only writing holds the writer's lock, so that others can delete meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.documents.discover import Skipped, discover
from ragapp.documents.split import PORTION, split_document
from ragapp.documents.stream import ParsedFile, file_state, parse_ahead, parse_now
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import (
    Cancelled,
    DocumentError,
    KnowledgeBaseBusy,
    KnowledgeBaseError,
    RagappError,
    UnforeseenError,
)
from ragapp.index.knowledge_base import Writer
from ragapp.index.rows import NewChunk
from ragapp.index.spool import Spool
from ragapp.index.store import StoredDocument
from ragapp.library import OpenKnowledgeBase
from ragapp.pace import Pace
from ragapp.pending import Pending, embed
from ragapp.remove import WAIT_FOR_WRITER_S
from ragapp.retrieval.calibrate import calibrate
from ragapp.text.resembling import Resembling, sketch
from ragapp.types import (
    CancelCheck,
    Chunk,
    Document,
    Note,
    Progress,
    ProgressSink,
    Stage,
    ignore_progress,
    never_cancel,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

GROUP_CHUNKS = 64
"""Small files are embedded together up to so many chunks: a few full batches."""
LONG_CHUNKS = 512
"""Chunks of a long file that memory holds with their vectors: some 20 MB."""
WAIT_WITH_LONG_S = 300.0
"""What took minutes to embed is not lost to another long document being written."""
PUBLISH_EVERY_S = 3.0
"""A long run becomes searchable in steps; a step costs what it adds."""


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
    SKIPPED = "skipped"  # found in a folder, and not a file that can be read


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """The fate of one file."""

    path: str
    status: Status
    chunks: int = 0
    pages: int = 0
    error: RagappError | None = None
    notes: tuple[Note, ...] = ()


def ingest(
    files: Sequence[Path],
    into: OpenKnowledgeBase,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
) -> list[IngestedFile]:
    """Bring files and folders into a knowledge base; a file that fails does not stop the rest.

    A file is searchable when its progress says done. What was stored is published in any case,
    also when ``cancel`` says stop or an error ends the run.

    Raises:
        KnowledgeBaseBusy: somebody else goes on writing.
    """
    found = discover(files)
    progress = Pace(found.files, into.kb.name, progress).take
    run = _Run(into, progress, cancel)
    try:
        with ParserPool(with_ocr=into.with_ocr) as pool:
            known = (run.is_unchanged, run.is_known)
            for parsed in parse_ahead(found.files, pool, *known, progress, cancel):
                run.take(parsed, pool)
            run.flush()
    finally:
        run.publish()
    if not cancel():
        with contextlib.suppress(KnowledgeBaseBusy):  # whoever writes now does it at their end
            calibrate(into.kb, into.space, into.encoder, cancel)
    skipped = [_skipped(one) for one in found.skipped]
    return [run.results[str(path.absolute())] for path in found.files] + skipped


# --- embed, write, publish ---


class _Run:
    """Takes files as they are parsed, and writes them group by group."""

    def __init__(
        self, into: OpenKnowledgeBase, progress: ProgressSink, cancel: CancelCheck
    ) -> None:
        self.results: dict[str, IngestedFile] = {}
        self._into = into
        self._progress = progress
        self._cancel = cancel
        self._group: list[Pending] = []
        self._unpublished: list[IngestedFile] = []
        self._published_at: float | None = None
        self._resembling: Resembling | None = None
        with into.kb.reading() as store:  # as of the next publish, which this run ends with
            self._before = {stored.path: stored for stored in store.next_documents()}

    def is_unchanged(self, file: Path) -> bool:
        """Say whether a file is stored, and of the size and time that it was when it was read."""
        stored = self._before.get(str(file.absolute()))
        if stored is None or not stored.modified_ns or _gains(stored, self._into):
            return False
        return file_state(file) == (stored.size, stored.modified_ns)

    def is_known(self, sha256: str) -> bool:
        """Say whether these bytes are stored already, and would not be read better now."""
        return any(not _gains(stored, self._into) for stored in self._into.kb.find(sha256=sha256))

    def take(self, parsed: ParsedFile, pool: ParserPool) -> None:
        """Take the next file; write and publish when there is enough, or enough time has gone."""
        if parsed.unchanged:
            path = str(parsed.path.absolute())
            self._stored(_kept(path, self._before[path], Status.UNCHANGED))
        elif parsed.error is not None:
            self._end(parsed.path, parsed.error)
        elif self._cancel():
            self._cancelled(parsed.path)
        elif parsed.document is None:
            self._take_known(parsed, pool)
        else:
            self._split(parsed.document)
        chunks = sum(len(one.chunks) for one in self._group)
        # The first file is searchable at once, the others as soon as a step is due.
        if self._group and (self._published_at is None or chunks >= GROUP_CHUNKS or self._due()):
            self.flush()
        if self._published_at is None or self._due():
            self.publish()

    def flush(self) -> None:
        """Embed and write the group; what was not embedded whole when told to stop is left out."""
        group, self._group = self._group, []
        if not group:
            return
        try:
            embed(group, self._into, self._progress, self._cancel)
        except Cancelled:
            for one in group:
                if not one.whole:
                    self._cancelled(Path(one.document.path))
        ready = [
            (one.document, list(one.new_chunks()), sketch(one.document.text))
            for one in group
            if one.whole
        ]
        with self._into.kb.writer(WAIT_FOR_WRITER_S) as writer:
            for document, chunks, sketched in ready:
                self._stored(self._write(document, chunks, sketched, writer))

    def publish(self) -> None:
        """Make what was written searchable."""
        if not self._unpublished and not self._into.kb.unpublished():
            return
        self._progress(Progress(Stage.INDEXING, self._into.kb.name))
        with self._into.kb.writer(WAIT_FOR_WRITER_S) as writer:
            if writer.unpublished():
                writer.publish(self._into.space)
        self._published_at = time.monotonic()
        done, self._unpublished = self._unpublished, []
        for result in done:
            self._progress(
                Progress(Stage.DONE, result.path, result.chunks, result.chunks, result.status)
            )

    def _due(self) -> bool:
        return time.monotonic() - (self._published_at or 0.0) > PUBLISH_EVERY_S

    def _take_known(self, parsed: ParsedFile, pool: ParserPool) -> None:
        """Keep a file whose bytes are stored; what waits in the group may replace those bytes."""
        holders = {stored.path for stored in self._into.kb.find(sha256=parsed.sha256)}
        if holders & {one.document.path for one in self._group}:
            self.flush()
        path, name = str(parsed.path.absolute()), parsed.path.name
        with self._into.kb.writer(WAIT_FOR_WRITER_S) as writer:
            kept = _already_there(path, name, parsed.sha256, writer, self._into)
            if kept is not None and kept.status is Status.UNCHANGED:
                writer.note_state(path, *parsed.state)
        if kept is not None:
            self._stored(kept)
            return
        try:  # they were there a moment ago
            self._split(parse_now(parsed.path, pool, self._cancel))
        except (Cancelled, DocumentError) as error:
            self._end(parsed.path, error)

    def _split(self, document: Document) -> None:
        self._progress(Progress(Stage.CHUNKING, document.path))
        count_tokens = self._into.encoder.count_tokens
        try:
            chunks = split_document(document, count_tokens, self._into.chunk_tokens)
            if len(document.text) > PORTION:
                self._store_long(document, chunks)
            else:
                self._group.append(Pending.of(document, list(chunks), self._into))
        except Cancelled:
            self._cancelled(Path(document.path))
        except (KnowledgeBaseError, MemoryError):
            raise
        except Exception as error:  # what nobody foresaw in a text is an error of that file alone
            logger.exception("%s could not be split", document.path)
            self._end(Path(document.path), UnforeseenError.of(error))

    def _store_long(self, document: Document, chunks: Iterator[Chunk]) -> None:
        """Embed a long document bit by bit, and write it when all of it is there."""
        self.flush()
        with contextlib.closing(Spool()) as spool:
            while some := list(islice(chunks, LONG_CHUNKS)):
                part = Pending.of(document, some, self._into)
                part.before = len(spool)
                length, reached = len(document.text), max(1, some[-1].end)
                part.left = (len(spool) + len(some)) * (length - reached) // reached
                embed([part], self._into, self._progress, self._cancel)
                spool.add(part.new_chunks())
            sketched = sketch(document.text)
            with self._into.kb.writer(WAIT_WITH_LONG_S) as writer:
                self._stored(self._write(document, spool, sketched, writer))

    def _write(
        self,
        document: Document,
        chunks: Sequence[NewChunk] | Spool,
        sketched: NDArray[np.uint64],
        writer: Writer,
    ) -> IngestedFile:
        """Store a document, unless the same bytes have come in meanwhile."""
        kept = _already_there(document.path, document.name, document.sha256, writer, self._into)
        if kept is not None:
            return kept
        replaces = bool(writer.find(path=document.path))
        writer.add(document, chunks, sketched)
        return IngestedFile(
            document.path,
            Status.UPDATED if replaces else Status.ADDED,
            chunks=len(chunks),
            pages=len(document.pages),
            notes=(*document.notes, *self._resembled(document.path, sketched, writer)),
        )

    def _resembled(self, path: str, sketched: NDArray[np.uint64], writer: Writer) -> Iterator[Note]:
        """Say which other document is nearly the same; both are kept."""
        if self._resembling is None:
            self._resembling = Resembling(writer.sketches())
        near = self._resembling.nearest(path, sketched)
        self._resembling.add(path, sketched)
        if near is not None and writer.find(path=near[0]):
            yield Note("nearly_the_same", {"path": near[0], "percent": round(100 * near[1])})

    def _stored(self, result: IngestedFile) -> None:
        self.results[result.path] = result
        self._unpublished.append(result)
        self._progress(Progress(Stage.INDEXING, result.path, result.chunks, result.chunks))

    def _cancelled(self, path: Path) -> None:
        self._end(path, Cancelled("reading_stopped", name=path.name))

    def _end(self, file: Path, error: RagappError) -> None:
        path = str(file.absolute())
        stopped = isinstance(error, Cancelled)
        if stopped:
            self.results[path] = IngestedFile(path, Status.CANCELLED)
        else:
            self.results[path] = IngestedFile(path, Status.FAILED, error=error)
        message = "stopped" if stopped else str(error)
        self._progress(Progress(Stage.FAILED, path, message=message, error=error))


def _skipped(one: Skipped) -> IngestedFile:
    return IngestedFile(str(one.path), Status.SKIPPED, error=one.error)


def _gains(stored: StoredDocument, into: OpenKnowledgeBase) -> bool:
    """Say whether a document has pages without text that would be read now."""
    lacking = {"pages_without_text", "pages_with_unknown_letters"}
    return into.with_ocr and any(note.code in lacking for note in stored.notes)


def _already_there(
    path: str, name: str, sha256: str, writer: Writer, into: OpenKnowledgeBase
) -> IngestedFile | None:
    """Say so when these bytes are stored already, under this path or another."""
    same = [stored for stored in writer.find(sha256=sha256) if not _gains(stored, into)]
    for stored in same:
        if stored.path == path:
            return _kept(path, stored, Status.UNCHANGED)
    for replaced in writer.find(path=path) if same else ():
        writer.remove(replaced.id)  # what this path held before is gone
    for stored in same:
        if may_exist(Path(stored.path)):
            note = Note("same_content", {"path": stored.path})
            return _kept(path, stored, Status.DUPLICATE, note)
        writer.rename(stored.id, path, name)
        return _kept(path, stored, Status.RENAMED, Note("moved_from", {"path": stored.path}))
    return None


def may_exist(path: Path) -> bool:
    """Say whether a file is there, or cannot be seen to be gone: a folder above it is locked."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _kept(path: str, stored: StoredDocument, status: Status, *notes: Note) -> IngestedFile:
    return IngestedFile(path, status, chunks=stored.chunks, pages=stored.pages, notes=notes)
