"""SQLite, the only truth of a knowledge base: the one place that opens the database.

Rows become visible to readers by generation: a document is seen from ``added_in`` on and until
``removed_in``. Writers add and remove rows for the next generation; ``publish`` makes that the
current one in a single transaction. Ids are never used twice.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import migrations, seals
from ragapp.index.connection import connect, is_damage
from ragapp.index.reading import WHITENING_PARTS, FittedSpace, Reading
from ragapp.index.rows import COLUMNS, NewChunk, chunk_row
from ragapp.index.seals import sealed
from ragapp.index.spool import Spool
from ragapp.text.encodable import is_text
from ragapp.text.terms import TERMS_VERSION
from ragapp.types import Document, Note

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as listed."""

    id: int
    path: str
    name: str
    sha256: str
    media_type: str
    pages: int
    chunks: int
    notes: tuple[Note, ...]
    size: int
    modified_ns: int


SPARE_PAGES, SPARE_SHARE = 64, 0.1
"""Free pages that a database may keep: they are used again by what comes next."""
GIVE_BACK_S = 1.0
INCREMENTAL = 2
"""What SQLite calls this way of giving room back: when asked, page by page."""


class Store(Reading):
    """A connection to one knowledge base's database. Use from the thread that opened it."""

    @classmethod
    def create(cls, file: Path, meta: dict[str, str]) -> Store:
        """Make a new, empty database at generation 0."""
        store = cls(connect(file, create=True), file.parent.name)
        with store.transaction():
            migrations.create(store._connection)
            schema = str(migrations.SCHEMA_VERSION)
            fixed = {"schema": schema, "terms": str(TERMS_VERSION), "generation": "0"}
            store.set_meta({**meta, **fixed})
        return store

    @classmethod
    def open(cls, file: Path) -> Store:
        """Open an existing database.

        Raises:
            KnowledgeBaseDamaged: the file is no database of ours, or of a newer version.
            sqlite3.OperationalError: it is locked, or may not be opened.
        """
        try:
            store = cls(connect(file, create=False), file.parent.name)
            migrations.bring_up_to_date(store._connection, file)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise  # the knowledge base says what to do
            raise KnowledgeBaseDamaged(
                "database_unreadable", folder=file.parent, reason=str(error)
            ) from error
        return store

    # --- documents ---

    def documents(self) -> list[StoredDocument]:
        """List the documents of the current generation, by name."""
        return self._documents(
            "added_in <= ? AND (removed_in IS NULL OR removed_in > ?)", (self.generation(),) * 2
        )

    def next_documents(self) -> list[StoredDocument]:
        """List the documents that the next generation will hold."""
        return self._documents("removed_in IS NULL", ())

    def find_documents(
        self, *, path: str = "", sha256: str = "", name: str = ""
    ) -> list[StoredDocument]:
        """List the documents of the next generation with this path, content or name."""
        return self._documents(
            "removed_in IS NULL AND (path = ? OR sha256 = ? OR name = ?)",
            tuple(value if is_text(value) else "" for value in (path, sha256, name)),
        )

    def _documents(self, condition: str, values: tuple[int | str, ...]) -> list[StoredDocument]:
        rows = self._connection.execute(
            "SELECT id, path, name, sha256, media_type, json_array_length(pages), chunk_count,"  # noqa: S608 - the condition is our own text
            f" notes, size, modified_ns, seal = {sealed(seals.DOCUMENT)}"
            f" FROM documents WHERE {condition} ORDER BY name, id",
            values,
        )
        return [self._stored_document(*row) for row in rows]

    def _stored_document(
        self, id_: int, path: str, name: str, sha256: str, media_type: str, pages: int, chunks: int,
        notes: str, size: int, modified_ns: int, whole: int,
    ) -> StoredDocument:  # fmt: skip
        if not whole:
            raise self._damaged(name)
        return StoredDocument(
            id_, path, name, sha256, media_type, pages, chunks, _notes(notes), size, modified_ns
        )

    def add_document(
        self, document: Document, chunks: Sequence[NewChunk] | Spool, generation: int
    ) -> int:
        """Store a document for ``generation``; call inside a transaction. Returns its id."""
        pages = [[page.number, page.start, page.end] for page in document.pages]
        headings = [[one.level, one.title, one.start] for one in document.headings]
        cursor = self._connection.execute(
            "INSERT INTO documents (path, name, sha256, media_type, text, pages, headings,"
            " notes, size, modified_ns, chunk_count, added_in)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.path, document.name, document.sha256, document.media_type, document.text,
                json.dumps(pages), json.dumps(headings, ensure_ascii=False),
                _notes_json(document.notes), document.size, document.modified_ns, len(chunks),
                generation,
            ),
        )  # fmt: skip
        document_id = int(cursor.lastrowid or 0)
        rows = chunks.rows() if isinstance(chunks, Spool) else map(chunk_row, chunks)
        self._connection.executemany(
            f"INSERT INTO chunks (document_id, {COLUMNS})"  # noqa: S608 - our own text
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((document_id, *row) for row in rows),
        )
        self._seal_document(document_id)
        self._connection.execute(
            f"UPDATE chunks SET searched_seal = {sealed(seals.SEARCHED)},"  # noqa: S608 - our own text
            f" shown_seal = {sealed(seals.SHOWN)} WHERE document_id = ?",
            (document_id,),
        )
        return document_id

    def _seal_document(self, document_id: int, *, content: bool = True) -> None:
        """Seal a row of documents after a change; ``content``: its text has changed, too."""
        if content:
            self._connection.execute(
                f"UPDATE documents SET content_seal = {sealed(seals.CONTENT)} WHERE id = ?",  # noqa: S608
                (document_id,),
            )
        self._connection.execute(
            f"UPDATE documents SET seal = {sealed(seals.DOCUMENT)} WHERE id = ?",  # noqa: S608
            (document_id,),
        )

    def add_sketch(self, document_id: int, sketched: NDArray[np.uint64]) -> None:
        """Store the sketch of a document's text; a hint, so without a checksum."""
        self._connection.execute(
            "INSERT INTO sketches (document_id, hashes) VALUES (?, ?)",
            (document_id, sketched.tobytes()),
        )

    def sketches(self) -> list[tuple[str, NDArray[np.uint64]]]:
        """List path and sketch of the documents of the next generation."""
        rows = self._connection.execute(
            "SELECT d.path, s.hashes FROM sketches s JOIN documents d ON d.id = s.document_id"
            " WHERE d.removed_in IS NULL ORDER BY d.id"
        )
        return [(str(path), _hashes(data)) for path, data in rows]

    def remove_document(self, document_id: int, generation: int) -> None:
        """Let a document end with ``generation``; call inside a transaction."""
        self._connection.execute(
            "UPDATE documents SET removed_in = ? WHERE id = ? AND removed_in IS NULL",
            (generation, document_id),
        )
        self._seal_document(document_id, content=False)

    def rename_document(self, document_id: int, path: str, name: str) -> None:
        """Record that a file has moved; its content is the same."""
        self._connection.execute(
            "UPDATE documents SET path = ?, name = ? WHERE id = ?", (path, name, document_id)
        )
        self._seal_document(document_id, content=False)

    def note_state(self, document_id: int, size: int, modified_ns: int) -> None:
        """Record the size and time of modification of a document's file."""
        self._connection.execute(
            "UPDATE documents SET size = ?, modified_ns = ? WHERE id = ?",
            (size, modified_ns, document_id),
        )
        self._seal_document(document_id, content=False)

    def has_changes_for(self, generation: int) -> bool:
        """Say whether documents were added or removed for a generation."""
        row = self._connection.execute(
            "SELECT 1 FROM documents WHERE added_in = ?1 OR removed_in = ?1 LIMIT 1", (generation,)
        ).fetchone()
        return row is not None

    def purge(self, generation: int) -> None:
        """Delete the rows that no generation from ``generation`` on can see."""
        self._connection.execute("DELETE FROM documents WHERE removed_in <= ?", (generation,))

    # --- the vector space ---

    def save_whitening(self, version: int, parts: dict[str, NDArray[np.float32]]) -> None:
        """Store whitening arrays, (rows, columns) float32, in place of other versions."""
        self._connection.execute("DELETE FROM whitening")
        self._connection.executemany(
            "INSERT INTO whitening (version, part, rows, data) VALUES (?, ?, ?, ?)",
            [(version, part, len(a), a.astype(np.float32).tobytes()) for part, a in parts.items()],
        )
        self._connection.execute(f"UPDATE whitening SET seal = {sealed(seals.WHITENING)}")  # noqa: S608
        self.set_meta({WHITENING_PARTS: f"{version} {len(parts)}"})

    def give_back(self) -> None:
        """Give room that rows have left back to the disk, when it is much; for a second at most."""
        free, pages, mode = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count", "auto_vacuum")
        )
        if free < max(SPARE_PAGES, SPARE_SHARE * pages):
            return
        if mode != INCREMENTAL:  # of a version before 3: written anew once
            self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._connection.execute("VACUUM")
        until = time.monotonic() + GIVE_BACK_S
        while free and time.monotonic() < until:
            self._connection.execute("PRAGMA incremental_vacuum(500)").fetchall()
            free = int(self._connection.execute("PRAGMA freelist_count").fetchone()[0])
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def publish(self, generation: int, space: FittedSpace) -> None:
        """Make ``generation`` the one that readers see; call inside a transaction."""
        self.set_meta({"generation": str(generation)})
        self._connection.execute(
            "UPDATE fitted_space SET version = ?, fitted_on = ?, passages = ?",
            (space.version, space.fitted_on, space.passages),
        )
        self._connection.execute(f"UPDATE fitted_space SET seal = {sealed(seals.FITTED_SPACE)}")  # noqa: S608


def _hashes(data: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(data[: len(data) // 8 * 8], np.uint64)


def _notes_json(notes: Sequence[Note]) -> str:
    return json.dumps([[note.code, dict(note.values)] for note in notes], ensure_ascii=False)


def _notes(stored: str) -> tuple[Note, ...]:
    """Read notes; those of format 2 and before are English sentences."""
    return tuple(
        Note("as_it_was_written", {"sentence": one}) if isinstance(one, str) else Note(*one)
        for one in json.loads(stored)
    )
