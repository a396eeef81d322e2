"""Files to documents, in their order, some of them parsed ahead in worker processes."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ragapp.documents.parse import LARGEST_FILE
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import Cancelled, DocumentError
from ragapp.text.encodable import is_text
from ragapp.types import CancelCheck, Document, Progress, ProgressSink, Stage

CLOCK_GRAIN_NS = 2_000_000_000
"""A file that was written so shortly ago may be written again and keep its time."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What became of a file: a document, an error, or bytes that are known (``sha256`` alone).

    unchanged: it was not read, for its size and time are as they were; state: those of the file
    before its bytes were hashed, see ``file_state``.
    """

    path: Path
    document: Document | None = None
    sha256: str = ""
    unchanged: bool = False
    state: tuple[int, int] = (0, 0)
    error: DocumentError | Cancelled | None = None


def parse_ahead(
    files: Sequence[Path],
    pool: ParserPool,
    is_unchanged: Callable[[Path], bool],
    is_known: Callable[[str], bool],
    progress: ProgressSink,
    cancel: CancelCheck,
) -> Iterator[ParsedFile]:
    """Yield the files in their order.

    One that ``is_unchanged`` is not read, one whose SHA-256 ``is_known`` not parsed.
    """
    cores = os.cpu_count() or 1
    ahead: deque[Future[ParsedFile]] = deque()
    with ThreadPoolExecutor(cores, "parse") as threads:
        try:
            for file in files:
                if is_unchanged(file):
                    ahead.append(_finished(ParsedFile(file, unchanged=True)))
                else:
                    ahead.append(threads.submit(_parse, file, pool, is_known, progress, cancel))
                if len(ahead) > 2 * cores:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
            if ahead:
                pool.close()  # ends those that are being parsed


def _parse(
    file: Path,
    pool: ParserPool,
    is_known: Callable[[str], bool],
    progress: ProgressSink,
    cancel: CancelCheck,
) -> ParsedFile:
    if cancel():
        return ParsedFile(file, error=Cancelled("reading_stopped", name=file.name))
    progress(Progress(Stage.PARSING, str(file.absolute())))
    state = file_state(file)  # before the bytes are read: they may be others at once after it
    digest = _sha256(file)
    if digest and is_known(digest):
        return ParsedFile(file, sha256=digest, state=state)
    try:
        return ParsedFile(file, parse_now(file, pool, cancel), digest)
    except (DocumentError, Cancelled) as error:
        return ParsedFile(file, error=error)


def parse_now(file: Path, pool: ParserPool, cancel: CancelCheck) -> Document:
    """Parse a file; its time of modification is 0 where it is too fresh to prove anything.

    Raises:
        DocumentError: as ``ParserPool.parse``.
        Cancelled: ``cancel`` said so.
    """
    begun = time.time_ns()
    document = pool.parse(file, cancel=cancel)
    fresh = document.modified_ns > begun - CLOCK_GRAIN_NS
    return replace(document, modified_ns=0) if fresh else document


def file_state(file: Path) -> tuple[int, int]:
    """Return size and time of modification in nanoseconds; zeros where they prove nothing."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    fresh = status.st_mtime_ns > time.time_ns() - CLOCK_GRAIN_NS
    return (0, 0) if fresh else (status.st_size, status.st_mtime_ns)


def _finished(parsed: ParsedFile) -> Future[ParsedFile]:
    future: Future[ParsedFile] = Future()
    future.set_result(parsed)
    return future


def _sha256(file: Path) -> str:
    """Return the hash of a regular file that can be read, else nothing: its reader says why."""
    try:
        if not is_text(str(file)) or not file.is_file() or file.stat().st_size > LARGEST_FILE:
            return ""
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
