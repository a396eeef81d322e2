"""A knowledge base: the store with its caches, in generations.

A writer adds and removes documents, each in a transaction of its own, for the next generation;
``publish`` fits the vector space anew, writes the caches beside the store and only then makes the
generation current. Readers hold one generation at a time: a ``Snapshot``. A cache that does not
match its manifest is never opened; the snapshot is then built from the store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ragapp import paths
from ragapp.errors import (
    KnowledgeBaseBusy,
    KnowledgeBaseDamaged,
    KnowledgeBaseError,
    KnowledgeBaseMissing,
    UsageError,
)
from ragapp.index import snapshot as snapshots
from ragapp.index.recipe import Recipe
from ragapp.index.rows import NewChunk, StoredChunk
from ragapp.index.snapshot import Snapshot, VectorSpace
from ragapp.index.store import Store, StoredDocument
from ragapp.types import Document

SENTENCE_SAMPLE = 5000
"""Chunks whose sentence vectors the whitening is fitted on; means and axes settle well before."""


class KnowledgeBase:
    """One knowledge base on disk. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._snapshot: Snapshot | None = None
        self._snapshot_lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, recipe: Recipe) -> KnowledgeBase:
        """Make an empty knowledge base; ``recipe`` fixes model, pooling and whitening.

        Raises:
            UsageError: there is one already.
        """
        if paths.store_file(folder).exists():
            raise UsageError(
                f"knowledge base '{folder.name}'", "it exists already", "Choose another name."
            )
        staging = folder.with_name(f".{folder.name}.new-{os.getpid()}")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        Store.create(paths.store_file(staging), recipe.to_meta()).close()
        staging.rename(folder)
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> KnowledgeBase:
        """Open an existing one.

        Raises:
            KnowledgeBaseMissing: there is none of that name.
        """
        if not paths.store_file(folder).is_file():
            raise KnowledgeBaseMissing(
                f"knowledge base '{folder.name}'",
                f"there is none in {folder.parent}",
                f"Make it with `ragapp kb create {folder.name}`, or ingest documents into it with"
                f" `ragapp ingest PATH --kb {folder.name}`.",
            )
        return cls(folder)

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
                    f"knowledge base '{self.name}'",
                    f"it does not say how it was made ({error})",
                    f"Restore the folder {self.folder} from a backup, or delete it and ingest the"
                    " documents again.",
                ) from error

    def generation(self) -> int:
        """Return the number of the generation that searches see."""
        with self._store() as store:
            return store.generation()

    def documents(self) -> list[StoredDocument]:
        """List the documents that searches see."""
        with self._store() as store, store.transaction(write=False):
            return store.documents()

    def document_text(self, document_id: int) -> str | None:
        """Return the extracted text of a document, None when it is gone."""
        with self._store() as store:
            return store.document_text(document_id)

    def chunks(self, ids: Sequence[int]) -> dict[int, StoredChunk]:
        """Read chunks by id; those deleted since the snapshot are left out."""
        with self._store() as store:
            return store.chunks(ids)

    def snapshot(self, space: VectorSpace) -> Snapshot:
        """Return the current generation, from the caches when they are sound."""
        # One transaction: a writer may publish, and purge, between two of these reads.
        with self._snapshot_lock, self._store() as store, store.transaction(write=False):
            generation = store.generation()
            if self._snapshot is None or self._snapshot.generation != generation:
                state = store.load_whitening(generation)
                self._snapshot = snapshots.load(self.folder, generation, state) or (
                    snapshots.build(store.index_rows(generation), generation, space, state)
                )
            return self._snapshot

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Hold the one right to write.

        Raises:
            KnowledgeBaseBusy: another process or thread holds it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(paths.writer_lock(self.folder), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise KnowledgeBaseBusy(
                f"knowledge base '{self.name}'",
                "another ragapp is writing to it",
                "Wait until it has finished, then run the command again.",
            ) from error
        try:
            with self._store() as store:
                yield Writer(self.folder, store)
        finally:
            lock.release()

    @contextmanager
    def _store(self) -> Iterator[Store]:
        try:
            with contextlib.closing(Store.open(paths.store_file(self.folder))) as store:
                yield store
        except sqlite3.OperationalError as error:
            raise KnowledgeBaseError(
                f"knowledge base '{self.name}'",
                f"the database says: {error}",
                "Check that the disk has room and that you may write to the folder"
                f" {self.folder}; what was acknowledged before is kept.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise KnowledgeBaseDamaged(
                f"knowledge base '{self.name}'",
                f"the database says: {error}",
                f"Restore the folder {self.folder} from a backup, or delete it and ingest the"
                " documents again.",
            ) from error


class Writer:
    """The right to change a knowledge base, until its context ends."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._next = store.generation() + 1

    def documents(self) -> list[StoredDocument]:
        """List the documents of the generation being written."""
        return self._store.next_documents()

    def find(self, *, path: str = "", sha256: str = "") -> list[StoredDocument]:
        """List the documents of the generation being written with this path or content."""
        return self._store.find_documents(path=path, sha256=sha256)

    def add(self, document: Document, chunks: Sequence[NewChunk]) -> None:
        """Store a document, whole, in place of any earlier one of the same path."""
        with self._store.transaction():
            for old in self._store.find_documents(path=document.path):
                self._store.remove_document(old.id, self._next)
            self._store.add_document(document, chunks, self._next)

    def rename(self, document_id: int, path: str, name: str) -> None:
        """Record that a file has moved."""
        with self._store.transaction():
            self._store.rename_document(document_id, path, name)

    def remove(self, document_id: int) -> None:
        """Take a document out; ``publish`` makes it so for readers."""
        with self._store.transaction():
            self._store.remove_document(document_id, self._next)

    def publish(self, space: VectorSpace) -> int:
        """Make what was added and removed visible. Returns the generation.

        The caches are complete on disk before the store names the generation current.
        """
        generation = self._next
        rows = self._store.index_rows(generation)
        state = space.fit(
            rows.vectors,
            rows.openings,
            self._store.sentence_vectors(generation, SENTENCE_SAMPLE),
        )
        snapshots.save(snapshots.build(rows, generation, space, state), self._folder)
        with self._store.transaction():
            self._store.save_whitening(generation, state)
            self._store.publish(generation)
            self._store.purge(generation)
        snapshots.drop_others(self._folder, generation)
        self._next = generation + 1
        return generation

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
    """
    with KnowledgeBase.open(folder).writer():
        doomed = folder.with_name(f".{folder.name}.deleted-{os.getpid()}")
        folder.rename(doomed)
    shutil.rmtree(doomed)
