"""Uploads wait here and are ingested one batch after another, by one thread for the whole page.

Files are moved into the knowledge base's own folder first. What cannot be read is taken away
again, and an earlier version of the same name comes back.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ragapp import paths
from ragapp.errors import RagappError
from ragapp.ingest import IngestedFile, Status, ingest
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.types import Progress, Stage

logger = logging.getLogger(__name__)

UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]')
"""What some file system forbids, and invisible characters that make a name read otherwise."""
LONGEST_NAME = 200  # bytes; file systems stop at 255
PREVIOUS = ".previous"
KEPT = {Status.ADDED, Status.UPDATED, Status.UNCHANGED, Status.RENAMED}


@dataclass(frozen=True, slots=True)
class FileRow:
    """Where one file is; ``stage`` None: it waits. ``status`` is a ``Status`` once known."""

    name: str
    stage: Stage | None = None
    done: int = 0
    total: int | None = None
    status: str = ""
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueState:
    """The files of one knowledge base; ``version`` grows with every change of any row."""

    version: int
    rows: tuple[FileRow, ...]
    active: bool


@dataclass(slots=True)
class _Batch:
    kb: str
    files: list[tuple[Path, str]]  # the upload, the name it gets
    first_row: int
    stop: threading.Event = field(default_factory=threading.Event)


class IngestQueue:
    """Rows and batches of all knowledge bases. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._changed = threading.Condition()
        self._version = 0
        self._rows: dict[str, list[FileRow]] = {}
        self._batches: deque[_Batch] = deque()  # the first is being worked on
        self._worker: threading.Thread | None = None

    def add(self, kb: str, uploads: Sequence[Path]) -> None:
        """Line up files for a knowledge base, which is made when it does not exist.

        The uploads are moved, not copied.
        """
        with self._changed:
            if not self._active(kb):
                self._rows[kb] = []
            rows = self._rows[kb]
            names = _distinct([safe_name(upload.name) for upload in uploads])
            first_row = len(rows)
            rows.extend(FileRow(name) for name in names)
            self._batches.append(_Batch(kb, list(zip(uploads, names, strict=True)), first_row))
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="ingest", daemon=True)
                self._worker.start()
            self._touch()

    def state(self, kb: str) -> QueueState:
        """Return the rows of a knowledge base as they are now."""
        with self._changed:
            return QueueState(self._version, tuple(self._rows.get(kb, ())), self._active(kb))

    def unsearchable(self, kb: str) -> tuple[int, int]:
        """Return how many files at work are not searchable yet, and how many there are."""
        state = self.state(kb)
        waiting = [row for row in state.rows if row.stage not in (Stage.DONE, Stage.FAILED)]
        return len(waiting), len(state.rows)

    def wait(self, version: int, timeout_s: float) -> None:
        """Wait until something changed after ``version``."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, timeout_s)

    def stop(self, kb: str) -> None:
        """Stop what is being done for a knowledge base and what waits; what is stored stays."""
        with self._changed:
            for batch in self._batches:
                if batch.kb == kb:
                    batch.stop.set()

    def stop_all(self) -> None:
        """Stop everything: the program ends."""
        with self._changed:
            for batch in self._batches:
                batch.stop.set()

    def clear(self, kb: str) -> None:
        """Forget the rows of a knowledge base unless it is being worked on."""
        with self._changed:
            if not self._active(kb):
                self._rows.pop(kb, None)
                self._touch()

    def _active(self, kb: str) -> bool:
        return any(batch.kb == kb for batch in self._batches)

    def _touch(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def _update(self, batch: _Batch, place: int, **changes: object) -> None:
        with self._changed:
            rows = self._rows[batch.kb]
            rows[batch.first_row + place] = replace(rows[batch.first_row + place], **changes)  # type: ignore[arg-type]
            self._touch()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._batches:
                    self._worker = None
                    return
                batch = self._batches[0]
            try:
                self._ingest(batch)
            except RagappError as error:
                self._fail_rest(batch, str(error))
            except Exception as error:  # the thread's boundary: rows must not wait for ever
                logger.exception("ingesting uploads into %s", batch.kb)
                self._fail_rest(batch, f"{type(error).__name__}: {error}")
            finally:
                for upload, _ in batch.files:
                    upload.unlink(missing_ok=True)
                with self._changed:
                    self._batches.popleft()
                    self._touch()

    def _ingest(self, batch: _Batch) -> None:
        into = self._library.open_or_create(batch.kb, LOCAL)
        folder = paths.uploads(into.kb.folder)
        placed = {
            str(_place(upload, folder / name)): place
            for place, (upload, name) in enumerate(batch.files)
        }

        def show(progress: Progress) -> None:
            place = placed.get(progress.item)
            # The file's result says how it ended, and only after publishing is it searchable.
            if place is not None and progress.stage not in (Stage.DONE, Stage.FAILED):
                self._update(
                    batch, place, stage=progress.stage, done=progress.done, total=progress.total
                )
            elif place is not None:
                last = Stage.INDEXING if progress.stage is Stage.DONE else Stage.FAILED
                error = progress.message if progress.stage is Stage.FAILED else ""
                self._update(batch, place, stage=last, error=error)

        results: list[IngestedFile] = []
        try:
            results = ingest([Path(path) for path in placed], into, show, batch.stop.is_set)
        finally:
            fate = {result.path: result for result in results}
            for path in placed:
                _settle(Path(path), keep=path in fate and fate[path].status in KEPT)
        for path, place in placed.items():
            self._finish(batch, place, fate[path])

    def _finish(self, batch: _Batch, place: int, result: IngestedFile) -> None:
        failed = result.status in (Status.FAILED, Status.CANCELLED)
        self._update(
            batch,
            place,
            stage=Stage.FAILED if failed else Stage.DONE,
            status=result.status.value,
            error=result.error or "",
            notes=() if result.status is Status.DUPLICATE else result.notes,
        )

    def _fail_rest(self, batch: _Batch, error: str) -> None:
        for place in range(len(batch.files)):
            self._update(batch, place, stage=Stage.FAILED, error=error)


def safe_name(name: str) -> str:
    """Return a file name that every file system takes and that reads as what it is.

    Letters of any script, spaces and full-width punctuation stay.
    """
    name = UNSAFE.sub("_", unicodedata.normalize("NFC", name)).lstrip(".~$ ").rstrip(". ")
    stem, dot, suffix = (name or "document").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    room = LONGEST_NAME - len(suffix.encode())
    return stem.encode()[: max(room, 1)].decode(errors="ignore") + dot + suffix


def _distinct(names: Sequence[str]) -> list[str]:
    """Tell files of one drop apart that have the same name."""
    taken: list[str] = []
    for name in names:
        stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{stem} ({count}){dot}{suffix}"
        taken.append(candidate)
    return taken


def _place(upload: Path, target: Path) -> Path:
    """Move an upload to its place; a file that is there already steps aside."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        aside = target.parent / PREVIOUS
        aside.mkdir(exist_ok=True)
        target.replace(aside / target.name)
    shutil.move(upload, target)
    return target.absolute()


def _settle(target: Path, *, keep: bool) -> None:
    """Drop the earlier version, or drop the upload and bring the earlier version back."""
    previous = target.parent / PREVIOUS / target.name
    if keep:
        previous.unlink(missing_ok=True)
    elif previous.exists():
        previous.replace(target)
    else:
        target.unlink(missing_ok=True)
