"""Files to documents, in their order, some of them parsed ahead in worker processes."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ragapp.documents.parse import LARGEST_FILE
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import Cancelled, DocumentError
from ragapp.text.encodable import is_text
from ragapp.types import CancelCheck, Document, Progress, ProgressSink, Stage


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What became of a file: a document, an error, or bytes that are known (``sha256`` alone).

    unchanged: it was not read, for its size and time are as they were.
    """

    path: Path
    document: Document | None = None
    sha256: str = ""
    unchanged: bool = False
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
                    while ahead:
                        yield ahead.popleft().result()
                    yield ParsedFile(file, unchanged=True)
                    continue
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
    digest = _sha256(file)
    if digest and is_known(digest):
        return ParsedFile(file, sha256=digest)
    try:
        return ParsedFile(file, pool.parse(file, cancel=cancel), digest)
    except (DocumentError, Cancelled) as error:
        return ParsedFile(file, error=error)


def _sha256(file: Path) -> str:
    """Return the hash of a regular file that can be read, else nothing: its reader says why."""
    try:
        if not is_text(str(file)) or not file.is_file() or file.stat().st_size > LARGEST_FILE:
            return ""
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
