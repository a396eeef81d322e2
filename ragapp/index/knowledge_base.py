"""A knowledge base: the store with an index beside it, in generations.

A writer adds and removes documents, each in a transaction of its own, for the next generation;
``publish`` brings the index to it and only then makes the generation current, at the cost of what
has changed. When the base has outgrown its vector space, that is fitted anew and so is the index.
Readers hold one generation at a time: a ``Snapshot``. An index that does not match its checksums is
never opened; it is then built from the store.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp import paths
from ragapp.errors import (
    KnowledgeBaseDamaged,
    KnowledgeBaseError,
    KnowledgeBaseMissing,
)
from ragapp.index import folders, holder, spare
from ragapp.index.backend import (
    Changes,
    IndexBackend,
    IndexDamaged,
    SearchIndex,
    whole_generation,
)
from ragapp.index.connection import is_damage
from ragapp.index.current import CurrentSnapshot
from ragapp.index.local.index import LocalIndex
from ragapp.index.reading import FittedSpace
from ragapp.index.recipe import Recipe
from ragapp.index.rows import NewChunk, StoredChunk
from ragapp.index.snapshot import Snapshot, VectorSpace, compared
from ragapp.index.spool import Spool
from ragapp.index.store import Store, StoredDocument
from ragapp.index.volume import disk_error
from ragapp.types import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

PASSAGE_SAMPLE = 100_000
"""Chunks that the whitening is fitted on; means and axes settle well before."""
SENTENCE_SAMPLE = 5000
"""Chunks whose sentence vectors it is fitted on."""

CALIBRATION = "calibration"
"""Key in ``meta``."""
MOST_READ = 2000
"""Chunks of one document that are read at once."""


class KnowledgeBase:
    """One knowledge base on disk. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._index: IndexBackend = LocalIndex(folder)
        self._current = CurrentSnapshot(self._index, self._store)
        self._created = ""  # of the base that was first seen in the folder

    @classmethod
    def create(cls, folder: Path, recipe: Recipe) -> KnowledgeBase:
        """Make an empty knowledge base; ``recipe`` fixes model, pooling and whitening.

        Raises:
            UsageError: there is one already.
            KnowledgeBaseError: it cannot be written.
        """
        if paths.store_file(folder).exists():
            raise folders.exists_already(folder)
        meta = recipe.to_meta()
        folders.make(folder, lambda staging: Store.create(paths.store_file(staging), meta).close())
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> KnowledgeBase:
        """Open an existing one. What is later made anew under its name is another one.

        Raises:
            KnowledgeBaseMissing: there is none of that name.
        """
        opened = cls(folder)
        opened._check_there()
        return opened

    def recipe(self) -> Recipe:
        """Return how its vectors and terms were made.

        Raises:
            KnowledgeBaseDamaged: it does not say so, or not in a way this program reads.
        """
        with self._store() as store:
            try:
                return Recipe.from_meta(store.meta())
            except (KeyError, ValueError) as error:
                raise KnowledgeBaseDamaged(
                    "base_recipe_unreadable",
                    kb=self.name,
                    folder=self.folder,
                    reason=str(error),
                ) from error

    def generation(self) -> int:
        """Return the number of the generation that searches see."""
        with self._store() as store:
            return store.generation()

    def documents(self) -> list[StoredDocument]:
        """List the documents that searches see."""
        with self._store() as store, store.transaction(write=False):
            return store.documents()

    def find(self, *, path: str = "", sha256: str = "") -> list[StoredDocument]:
        """List the documents, published or not, with this path or this content."""
        with self._store() as store:
            return store.find_documents(path=path, sha256=sha256)

    def holds(self, sha256: str) -> bool:
        """Say whether a document of this content is stored, published or not."""
        return bool(self.find(sha256=sha256))

    def unpublished(self) -> bool:
        """Say whether documents were stored or taken out that searches do not know of yet."""
        with self._store() as store:
            return store.has_changes_for(store.generation() + 1)

    def document_text(self, document_id: int) -> str | None:
        """Return the extracted text of a document, None when it is gone."""
        with self._store() as store:
            return store.document_text(document_id)

    def chunks(self, ids: Sequence[int], generation: int | None = None) -> dict[int, StoredChunk]:
        """Read chunks by id; those deleted since the snapshot are left out.

        generation: that of the snapshot. While it is the current one, nothing it names is gone.

        Raises:
            KnowledgeBaseDamaged: one is not what was written, or is lost.
        """
        with self._store() as store, store.transaction(write=False):
            found = store.chunks(ids)
            if len(found) < len(set(ids)) and generation == store.generation():
                raise KnowledgeBaseDamaged("passages_missing", kb=self.name)
        return found

    def document_chunks(self, document_id: int) -> list[StoredChunk]:
        """Return the first ``MOST_READ`` chunks of a document in their order."""
        with self._store() as store, store.transaction(write=False):
            return list(store.chunks(store.chunk_ids_of(document_id)[:MOST_READ]).values())

    def chunk_ids(self) -> list[int]:
        """Return the ids of the chunks that searches see, ascending."""
        with self._store() as store, store.transaction(write=False):
            return store.chunk_ids()

    def space_version(self) -> int:
        """Return the version of the whitening that searches compare in."""
        with self._store() as store:
            return store.fitted_space().version

    def calibration(self) -> str:
        """Return the thresholds that were fitted to it, as they were written; "" without any."""
        with self._store() as store:
            return store.meta().get(CALIBRATION, "")

    def snapshot(self, space: VectorSpace) -> Snapshot:
        """Return the newest generation that can be answered from without waiting for a rebuild.

        It is the one just published, unless much of it has to be read or built: then the one
        before, until that is done in the background.
        """
        return self._current.get(space)

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """Read one state of the store; for those who check or copy it."""
        with self._store() as store, store.transaction(write=False):
            yield store

    @contextmanager
    def writer(self, wait_s: float = 0.0) -> Iterator[Writer]:
        """Hold the one right to write; ``wait_s``: how long to wait for it.

        Raises:
            KnowledgeBaseBusy: another process or thread holds it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(paths.writer_lock(self.folder), timeout=wait_s)
        try:
            lock.acquire()
        except Timeout as error:
            raise holder.busy(self.folder) from error
        except OSError as error:
            self._check_there()
            raise disk_error(error, self.folder) or KnowledgeBaseError(
                "base_cannot_be_locked", kb=self.name, folder=self.folder, reason=str(error)
            ) from error
        try:
            # The system lets go of the lock when its holder dies; only the name may be stale.
            with holder.named(self.folder), self._store() as store:
                yield Writer(store, self._index, self._current, self.folder)
        finally:
            lock.release()

    @contextmanager
    def _store(self) -> Iterator[Store]:
        try:
            with contextlib.closing(Store.open(paths.store_file(self.folder))) as store:
                self._check_the_same(store)
                yield store
        except sqlite3.DatabaseError as error:
            self._check_there()  # it may have been deleted under a reader
            values = {"kb": self.name, "folder": self.folder, "reason": str(error)}
            if is_damage(error):
                raise KnowledgeBaseDamaged("database_damaged", **values) from error
            disk = disk_error(error, self.folder)
            raise disk or KnowledgeBaseError("database_unusable", **values) from error
        except OSError as error:
            self._check_there()
            disk = disk_error(error, self.folder)
            if disk is None:
                raise
            raise disk from error

    def _check_the_same(self, store: Store) -> None:
        created = store.created()
        if self._created and created != self._created:
            raise KnowledgeBaseMissing("base_made_anew", kb=self.name)
        self._created = created

    def _check_there(self) -> None:
        if not paths.store_file(self.folder).is_file():
            raise KnowledgeBaseMissing("base_missing", kb=self.name, home=self.folder.parent)


class Writer:
    """The right to change a knowledge base, until its context ends."""

    def __init__(
        self, store: Store, index: IndexBackend, current: CurrentSnapshot, folder: Path
    ) -> None:
        self._folder = folder
        self._store = store
        self._index = index
        self._current = current
        self._next = store.generation() + 1

    def documents(self) -> list[StoredDocument]:
        """List the documents of the generation being written."""
        return self._store.next_documents()

    def find(self, *, path: str = "", sha256: str = "", name: str = "") -> list[StoredDocument]:
        """List the documents of the generation being written with this path, content or name."""
        return self._store.find_documents(path=path, sha256=sha256, name=name)

    def add(
        self,
        document: Document,
        chunks: Sequence[NewChunk] | Spool,
        sketched: NDArray[np.uint64] | None = None,
    ) -> None:
        """Store a document, whole, in place of any earlier one of the same path.

        sketched: that of its text (text.resembling), by which others are compared with it.
        """
        with self._store.transaction():
            for old in self._store.find_documents(path=document.path):
                self._store.remove_document(old.id, self._next)
            added = self._store.add_document(document, chunks, self._next)
            if sketched is not None:
                self._store.add_sketch(added, sketched)

    def sketches(self) -> list[tuple[str, NDArray[np.uint64]]]:
        """List path and sketch of the documents of the generation being written."""
        return self._store.sketches()

    def set_calibration(self, calibration: str) -> None:
        """Keep the thresholds fitted to the generation that searches see."""
        with self._store.transaction():
            self._store.set_meta({CALIBRATION: calibration})

    def rename(self, document_id: int, path: str, name: str) -> None:
        """Record that a file has moved."""
        with self._store.transaction():
            self._store.rename_document(document_id, path, name)

    def note_state(self, path: str, size: int, modified_ns: int) -> None:
        """Record what a file looks like now whose content is the same."""
        with self._store.transaction():
            for stored in self._store.find_documents(path=path):
                if (stored.size, stored.modified_ns) != (size, modified_ns):
                    self._store.note_state(stored.id, size, modified_ns)

    def remove(self, document_id: int) -> None:
        """Take a document out; ``publish`` makes it so for readers."""
        with self._store.transaction():
            self._store.remove_document(document_id, self._next)

    def publish(self, space: VectorSpace) -> int:
        """Make what was added and removed visible. Returns the generation.

        The index is complete on disk before the store names the generation current.

        Raises:
            KnowledgeBaseError: the index cannot be written; the generation before stays.
        """
        generation, store = self._next, self._store
        fitted = store.fitted_space()
        fitted = replace(fitted, passages=store.passages_with(generation))
        refit = space.outgrown(fitted.fitted_on, fitted.passages)
        if refit:
            fitted = FittedSpace(fitted.version + 1, fitted.passages, fitted.passages)
            sample = store.passage_sample(generation, PASSAGE_SAMPLE)
            state = space.fit(*sample, store.sentence_vectors(generation, SENTENCE_SAMPLE))
            del sample
            every = compared(store.index_rows(generation), space, state)
            index = self._apply(whole_generation(generation, fitted.version, every))
        else:
            state = store.load_whitening(fitted.version)
            index = self._apply_changes(space, fitted.version, state)
        with self._current.handing_over() as hand_over:
            with store.transaction():
                if refit:
                    store.save_whitening(fitted.version, state)
                store.publish(generation, fitted)
                store.purge(generation)
            if index is not None and self._current.held() is not None:
                hand_over(Snapshot(index, state))
        self._next = generation + 1
        self._index.drop_others(generation)
        spare.drop(paths.store_file(self._folder))
        with contextlib.suppress(sqlite3.OperationalError):  # no room to move pages: another time
            store.give_back()
        return generation

    def _apply_changes(
        self, space: VectorSpace, version: int, state: Mapping[str, NDArray[np.float32]]
    ) -> SearchIndex | None:
        generation, store = self._next, self._store
        added = compared(store.added_rows(generation), space, state)
        try:
            return self._apply(Changes(generation, version, added, store.removed_ids(generation)))
        except IndexDamaged as error:
            logger.info("the index is made anew: %s", error)
        every = compared(store.index_rows(generation), space, state)
        return self._apply(whole_generation(generation, version, every))

    def _apply(self, changes: Changes) -> SearchIndex | None:
        held = self._current.held()
        try:
            return self._index.apply(changes, held.index if held else None)
        except OSError as error:
            disk = disk_error(error, self._folder)
            raise disk or KnowledgeBaseError(
                "index_cannot_be_written", reason=str(error)
            ) from error

    def unpublished(self) -> bool:
        """Say whether an earlier writer stored documents and ended before publishing them."""
        return self._store.has_changes_for(self._next)


def list_names(home: Path) -> list[str]:
    """Return the names of all knowledge bases."""
    folder = paths.knowledge_bases(home)
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and paths.store_file(entry).is_file()
    )


def delete(folder: Path) -> None:
    """Delete a knowledge base and the uploads kept with it.

    Raises:
        KnowledgeBaseMissing, KnowledgeBaseBusy: there is none, or it is being written.
        KnowledgeBaseError: some of its files cannot be deleted.
    """
    with KnowledgeBase.open(folder).writer():
        hidden = folders.discard(folder)
    folders.sweep(folder.parent)
    if hidden.exists():
        raise KnowledgeBaseError("base_files_left", kb=folder.name, folder=hidden)
