"""Uploads wait here and are ingested one batch after another, by one thread for the whole page."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ragapp import paths
from ragapp.errors import DocumentError, RagappError, UnforeseenError
from ragapp.ingest import IngestedFile, Status, ingest
from ragapp.library import Library, OpenKnowledgeBase
from ragapp.people import LOCAL
from ragapp.types import Note, Progress, Stage
from ragapp.uploads import files
from ragapp.uploads.names import distinct, safe_name

logger = logging.getLogger(__name__)

ENDED = (Stage.DONE, Stage.FAILED)


@dataclass(frozen=True, slots=True)
class FileRow:
    """Where one file is; ``stage`` None: it waits. ``status`` is a ``Status`` once known."""

    name: str
    stage: Stage | None = None
    done: int = 0
    total: int | None = None
    status: str = ""
    error: RagappError | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueState:
    """The files of one knowledge base; ``version`` grows with every change of any row.

    run: how the batch in work stands (``Stage.RUNNING``), None before that is known.
    """

    version: int
    rows: tuple[FileRow, ...]
    active: bool
    run: Progress | None = None


@dataclass(slots=True)
class _Batch:
    """Files for one base: those that wait are put in their place first, others lie there."""

    kb: str
    files: list[Path]
    first_row: int
    placed: bool = False
    run: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class IngestQueue:
    """Rows and batches of all knowledge bases. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._home = library.settings.home
        self._changed = threading.Condition()
        self._version = 0
        self._rows: dict[str, list[FileRow]] = {}
        self._batches: deque[_Batch] = deque()  # the first is being worked on
        self._worker: threading.Thread | None = None
        self._closing = False

    def add(self, kb: str, uploads: Sequence[Path]) -> None:
        """Line up files for a knowledge base, which is made when it does not exist.

        The uploads are moved into the home folder at once, where a later start finds them.
        """
        names = distinct([safe_name(upload.name) for upload in uploads])
        accepted = [
            files.accept(upload, self._home, kb, name)
            for upload, name in zip(uploads, names, strict=True)
        ]
        self._line_up(kb, accepted, placed=False)

    def read_again(self, kb: str, existing: Sequence[Path]) -> None:
        """Line up files that lie in their place."""
        self._line_up(kb, list(existing), placed=True)

    def recover(self) -> None:
        """Go on with what an earlier program was stopped at: uploads that waited or were read."""
        for kb in self._library.names(LOCAL):
            try:
                documents = self._library.documents(kb, LOCAL)
                stored = {document.path: document.sha256 for document in documents}
                folder = paths.uploads(self._library.folder(kb, LOCAL))
                files.recover(folder, stored, self._home, kb)
            except (RagappError, OSError) as error:  # a damaged base must not keep the page shut
                logger.warning("uploads of %s are left as they are: %s", kb, error)
        for kb, waiting in files.waiting(self._home).items():
            self._line_up(kb, waiting, placed=False)

    def state(self, kb: str) -> QueueState:
        """Return the rows of a knowledge base as they are now."""
        with self._changed:
            rows = tuple(self._rows.get(kb, ()))
            run = next((batch.run for batch in self._batches if batch.kb == kb), None)
            return QueueState(self._version, rows, self._active(kb), run and of_all(run, rows))

    def unsearchable(self, kb: str) -> tuple[int, int]:
        """Return how many files at work are not searchable yet, and how many there are."""
        state = self.state(kb)
        return sum(row.stage not in ENDED for row in state.rows), len(state.rows)

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
        """Stop everything, for the program ends; what waits is read at the next start."""
        with self._changed:
            self._closing = True
            for batch in self._batches:
                batch.stop.set()

    def clear(self, kb: str) -> None:
        """Forget the rows of a knowledge base unless it is being worked on."""
        with self._changed:
            if not self._active(kb):
                self._rows.pop(kb, None)
                self._touch()

    def _line_up(self, kb: str, lined_up: list[Path], *, placed: bool) -> None:
        with self._changed:
            if not self._active(kb):
                self._rows[kb] = []
            rows = self._rows[kb]
            first_row = len(rows)
            rows.extend(FileRow(file.name) for file in lined_up)
            self._batches.append(_Batch(kb, lined_up, first_row, placed))
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="ingest", daemon=True)
                self._worker.start()
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
                if not self._batches or self._closing:
                    self._worker = None
                    return
                batch = self._batches[0]
            try:
                self._ingest(batch)
            except RagappError as error:
                self._fail_rest(batch, error)
            except Exception as error:  # the thread's boundary: rows must not wait for ever
                logger.exception("ingesting uploads into %s", batch.kb)
                self._fail_rest(batch, UnforeseenError.of(error))
            finally:
                with self._changed:
                    self._batches.popleft()
                    self._touch()

    def _ingest(self, batch: _Batch) -> None:
        into = self._library.open_or_create(batch.kb, LOCAL)
        folder = paths.uploads(into.kb.folder)
        targets = batch.files if batch.placed else [files.place(f, folder) for f in batch.files]
        places = {str(target): place for place, target in enumerate(targets)}

        def show(progress: Progress) -> None:
            if progress.stage is Stage.RUNNING:
                with self._changed:
                    batch.run = progress
                    self._touch()
            elif (place := places.get(progress.item)) is not None:
                self._show(batch, place, progress)

        results: list[IngestedFile] = []
        try:
            results = ingest(targets, into, show, batch.stop.is_set)
        finally:
            for target in targets:
                if target.parent == folder.absolute() and target.exists():
                    self._settle(target, into)
        for result in results:
            self._finish(batch, places[result.path], result)

    def _settle(self, target: Path, into: OpenKnowledgeBase) -> None:
        """Keep a file that is stored; what a closing program did not get to waits for the next."""
        stored = _is_stored(target, into)
        if self._closing and not stored:
            files.put_back(target, self._home, into.kb.name)
        else:
            files.settle(target, keep=stored)

    def _show(self, batch: _Batch, place: int, progress: Progress) -> None:
        if progress.stage not in ENDED:
            self._update(
                batch, place, stage=progress.stage, done=progress.done, total=progress.total
            )
        elif progress.stage is Stage.DONE:
            self._update(batch, place, stage=Stage.DONE, status=progress.message)
        else:
            error = progress.error if isinstance(progress.error, DocumentError) else None
            self._update(batch, place, stage=Stage.FAILED, error=error)

    def _finish(self, batch: _Batch, place: int, result: IngestedFile) -> None:
        failed = result.status in (Status.FAILED, Status.CANCELLED)
        self._update(
            batch,
            place,
            stage=Stage.FAILED if failed else Stage.DONE,
            status=result.status.value,
            error=result.error,
            notes=() if result.status is Status.DUPLICATE else result.notes,
        )

    def _fail_rest(self, batch: _Batch, error: RagappError) -> None:
        """Say of every file without an end that it failed; what was stored before stays."""
        with self._changed:
            rows = self._rows[batch.kb][batch.first_row : batch.first_row + len(batch.files)]
        for place, row in enumerate(rows):
            if row.stage not in ENDED:
                self._update(batch, place, stage=Stage.FAILED, error=error)


def of_all(run: Progress, rows: Sequence[FileRow]) -> Progress:
    """Say of all files of a base what is known of the batch in work; the others wait behind it."""
    ended = sum(row.stage in ENDED for row in rows)
    share = (len(rows) - ended) / max(1, (run.total or 0) - run.done)
    left_s = None if run.left_s is None else run.left_s * max(1.0, share)
    return replace(run, done=ended, total=len(rows), left_s=left_s)


def _is_stored(target: Path, into: OpenKnowledgeBase) -> bool:
    """Say whether a document of the base is read from this file as it is."""
    stored = {document.sha256 for document in into.kb.find(path=str(target))}
    return bool(stored) and files.sha256_of(target) in stored
