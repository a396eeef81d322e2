"""Deleting a document from the page: at once out of the searches, and undone within seconds."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from ragapp import paths
from ragapp.index.store import StoredDocument
from ragapp.library import Library
from ragapp.people import Person
from ragapp.remove import remove_document
from ragapp.uploads import files
from ragapp.uploads.queue import IngestQueue

UNDO_S = 10.0
"""So long a deletion can be undone; then the dropped file is unlinked."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A document taken out; ``token`` undoes it, ``own_file``: its file was dropped here."""

    token: str
    kb: str
    document: StoredDocument
    own_file: bool


class Deletions:
    """The deletions that can still be undone. Safe to share between threads."""

    def __init__(self, library: Library, queue: IngestQueue) -> None:
        self._library = library
        self._queue = queue
        self._lock = threading.Lock()
        self._undoable: dict[str, tuple[Deletion, Path]] = {}

    def delete(self, kb: str, document_id: int, path: str, by: Person) -> Deletion | None:
        """Take a document out of a base; base, id and path must all be its own.

        Returns None when there is no such document: it is gone already, or the three do not fit.

        Raises:
            KnowledgeBaseMissing, KnowledgeBaseBusy: there is no such base, or it is being written.
        """
        within = self._library.open(kb, by)
        document = remove_document(document_id, path, within)
        if document is None:
            return None
        file = Path(document.path)
        own = file.parent == paths.uploads(within.kb.folder).absolute() and file.exists()
        aside = files.set_aside(file) if own else file
        deletion = Deletion(secrets.token_urlsafe(12), kb, document, own)
        with self._lock:
            self._undoable[deletion.token] = (deletion, aside)
        timer = threading.Timer(UNDO_S, self._make_final, [deletion.token])
        timer.daemon = True
        timer.start()
        return deletion

    def undo(self, token: str, by: Person) -> Deletion | None:
        """Bring a document back by reading its file again.

        None when it is too late, also because its knowledge base is gone: it is not made anew.
        """
        with self._lock:
            deletion, aside = self._undoable.pop(token, (None, None))
        if deletion is None or aside is None:
            return None
        try:
            file = files.bring_back(aside) if deletion.own_file else aside
        except FileNotFoundError:  # the base was deleted meanwhile, with all its files
            return None
        if not file.exists() or deletion.kb not in self._library.names(by):
            return None
        self._queue.read_again(deletion.kb, [file])
        return deletion

    def _make_final(self, token: str) -> None:
        with self._lock:
            deletion, aside = self._undoable.pop(token, (None, None))
        if deletion is not None and aside is not None and deletion.own_file:
            files.drop(aside)
