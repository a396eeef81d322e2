"""SQLite, the only truth of a knowledge base: the one place that opens the database.

Rows become visible to readers by generation: a document is seen from ``added_in`` on and until
``removed_in``. Writers add and remove rows for the next generation; ``publish`` makes that the
current one in a single transaction. Ids are never used twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import migrations
from ragapp.index.rows import (
    IndexRows,
    NewChunk,
    StoredChunk,
    chunk_row,
    dequantise,
    index_rows,
    stored_chunk,
)
from ragapp.text.encodable import is_text
from ragapp.text.terms import TERMS_VERSION
from ragapp.types import Document, Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

VISIBLE = "d.added_in <= ? AND (d.removed_in IS NULL OR d.removed_in > ?)"


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


@dataclass(frozen=True, slots=True)
class FittedSpace:
    """Version of the whitening, passages it was fitted on, passages there are now."""

    version: int
    fitted_on: int
    passages: int


class Store:
    """A connection to one knowledge base's database. Use from the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def create(cls, file: Path, meta: dict[str, str]) -> Store:
        """Make a new, empty database at generation 0."""
        store = cls(_connect(file, create=True))
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
            store = cls(_connect(file, create=False))
            migrations.bring_up_to_date(store._connection, file.parent)
        except sqlite3.DatabaseError as error:
            locked_or_denied = isinstance(error, sqlite3.OperationalError)
            if locked_or_denied and "no such table" not in str(error):
                raise  # nothing is damaged; the knowledge base says what to do
            raise KnowledgeBaseDamaged(
                "database_unreadable", folder=file.parent, reason=str(error)
            ) from error
        return store

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[None]:
        """Run a block as one transaction: all of it or nothing; readers see one state."""
        self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # --- what the knowledge base is ---

    def meta(self) -> dict[str, str]:
        """Return all keys: model identity, pooling, whitening settings, generation."""
        return dict(self._connection.execute("SELECT key, value FROM meta"))

    def set_meta(self, values: dict[str, str]) -> None:
        """Set some keys."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", values.items()
        )

    def created(self) -> str:
        """Return what tells this base from one made anew under its name."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'created'").fetchone()
        return "" if row is None else str(row[0])

    def generation(self) -> int:
        """Return the generation that readers see."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        return int(row[0])

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
            f" notes, size, modified_ns FROM documents WHERE {condition} ORDER BY name, id",
            values,
        )
        return [_stored_document(*row) for row in rows]

    def document_text(self, document_id: int) -> str | None:
        """Return the extracted text of a document, None when it is gone."""
        row = self._connection.execute(
            "SELECT text FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        return None if row is None else str(row[0])

    def add_document(self, document: Document, chunks: Sequence[NewChunk], generation: int) -> int:
        """Store a document for ``generation``; call inside a transaction. Returns its id."""
        pages = [[page.number, page.start, page.end] for page in document.pages]
        cursor = self._connection.execute(
            "INSERT INTO documents (path, name, sha256, media_type, text, pages, notes,"
            " size, modified_ns, chunk_count, added_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.path, document.name, document.sha256, document.media_type, document.text,
                json.dumps(pages), _notes_json(document.notes), document.size, document.modified_ns,
                len(chunks), generation,
            ),
        )  # fmt: skip
        document_id = int(cursor.lastrowid or 0)
        self._connection.executemany(
            'INSERT INTO chunks (document_id, start, "end", text, page, heading, sentences, vector,'
            " sentence_vectors, sentence_scales, term_hashes, term_counts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (chunk_row(document_id, new) for new in chunks),
        )
        return document_id

    def remove_document(self, document_id: int, generation: int) -> None:
        """Let a document end with ``generation``; call inside a transaction."""
        self._connection.execute(
            "UPDATE documents SET removed_in = ? WHERE id = ? AND removed_in IS NULL",
            (generation, document_id),
        )

    def rename_document(self, document_id: int, path: str, name: str) -> None:
        """Record that a file has moved; its content is the same."""
        self._connection.execute(
            "UPDATE documents SET path = ?, name = ? WHERE id = ?", (path, name, document_id)
        )

    def has_changes_for(self, generation: int) -> bool:
        """Say whether documents were added or removed for a generation."""
        row = self._connection.execute(
            "SELECT 1 FROM documents WHERE added_in = ?1 OR removed_in = ?1 LIMIT 1", (generation,)
        ).fetchone()
        return row is not None

    def purge(self, generation: int) -> None:
        """Delete the rows that no generation from ``generation`` on can see."""
        self._connection.execute("DELETE FROM documents WHERE removed_in <= ?", (generation,))

    # --- chunks ---

    def index_rows(self, generation: int) -> IndexRows:
        """Read what the index of a generation is built from.

        Raises:
            KnowledgeBaseDamaged: a vector is not one.
        """
        return self._index_rows(VISIBLE, (generation, generation))

    def added_rows(self, generation: int) -> IndexRows:
        """Read what a generation adds to the index of the one before it.

        Raises:
            KnowledgeBaseDamaged: a vector is not one.
        """
        return self._index_rows("d.added_in = ? AND d.removed_in IS NULL", (generation,))

    def removed_ids(self, generation: int) -> NDArray[np.int64]:
        """Return the ids of the chunks that a generation takes out of the one before it, sorted."""
        rows = self._connection.execute(
            "SELECT c.id FROM documents d JOIN chunks c ON c.document_id = d.id"
            " WHERE d.removed_in = ? AND d.added_in < ? ORDER BY c.id",
            (generation, generation),
        )
        return np.array([row[0] for row in rows], np.int64)

    def passages_with(self, generation: int) -> int:
        """Return how many chunks the next generation will hold."""
        [(change,)] = self._connection.execute(
            "SELECT coalesce(sum(chunk_count), 0)"
            " - (SELECT coalesce(sum(chunk_count), 0) FROM documents"
            "    WHERE removed_in = ?1 AND added_in < ?1)"
            " FROM documents WHERE added_in = ?1 AND removed_in IS NULL",
            (generation,),
        )
        return self.fitted_space().passages + int(change)

    def chunk_ids(self) -> list[int]:
        """Return the ids of the chunks of the current generation, ascending."""
        generation = self.generation()
        return [
            int(row[0])
            for row in self._connection.execute(
                "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id"  # noqa: S608 - our own text
                f" WHERE {VISIBLE} ORDER BY c.id",
                (generation, generation),
            )
        ]

    def _index_rows(self, condition: str, values: tuple[int, ...]) -> IndexRows:
        rows = self._connection.execute(
            "SELECT c.id, d.id, c.vector, c.term_hashes, c.term_counts, substr(c.text, 1, 200),"  # noqa: S608 - our own text
            " d.name FROM chunks c JOIN documents d ON d.id = c.document_id"
            f" WHERE {condition} ORDER BY c.id",
            values,
        ).fetchall()
        return index_rows(rows, int(self.meta()["dimension"]))

    def chunks(self, ids: Sequence[int]) -> dict[int, StoredChunk]:
        """Read chunks by id; ids that are gone are left out."""
        marks = ",".join("?" * len(ids))
        rows = self._connection.execute(
            "SELECT c.id, d.id, d.name, d.path, c.page, c.heading,"  # noqa: S608 - question marks
            ' c.start, c."end",'
            " c.text, c.sentences, c.sentence_vectors,"
            " c.sentence_scales, d.pages"
            " FROM chunks c JOIN documents d ON d.id = c.document_id"
            f" WHERE c.id IN ({marks})",
            list(map(int, ids)),
        )
        return {row[0]: stored_chunk(row) for row in rows}

    def sentence_vectors(
        self, generation: int, at_most: int
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield opening and raw sentence vectors of some ``at_most`` chunks, spread out."""
        visible = f" FROM chunks c JOIN documents d ON d.id = c.document_id WHERE {VISIBLE}"
        count = self._connection.execute(
            f"SELECT count(*) {visible}",
            (generation, generation),
        ).fetchone()[0]
        rows = self._connection.execute(
            "SELECT substr(c.text, 1, 200), c.sentence_vectors, c.sentence_scales"
            f" {visible} AND c.id % ? = 0",
            (generation, generation, max(1, count // at_most)),
        )
        for text, quantised, scales in rows:
            yield text, dequantise(quantised, scales)

    # --- the vector space ---

    def fitted_space(self) -> FittedSpace:
        """Return which vector space the current generation is compared in."""
        row = self._connection.execute(
            "SELECT version, fitted_on, passages FROM fitted_space"
        ).fetchone()
        return FittedSpace(*row)

    def load_whitening(self, version: int) -> dict[str, NDArray[np.float32]]:
        """Read the whitening arrays of a version; empty when there are none."""
        rows = self._connection.execute(
            "SELECT part, rows, data FROM whitening WHERE version = ?", (version,)
        )
        return {part: np.frombuffer(data, np.float32).reshape(n, -1) for part, n, data in rows}

    def save_whitening(self, version: int, parts: dict[str, NDArray[np.float32]]) -> None:
        """Store whitening arrays, (rows, columns) float32, in place of other versions."""
        self._connection.execute("DELETE FROM whitening")
        self._connection.executemany(
            "INSERT INTO whitening (version, part, rows, data) VALUES (?, ?, ?, ?)",
            [(version, part, len(a), a.astype(np.float32).tobytes()) for part, a in parts.items()],
        )

    def publish(self, generation: int, space: FittedSpace) -> None:
        """Make ``generation`` the one that readers see; call inside a transaction."""
        self.set_meta({"generation": str(generation)})
        self._connection.execute(
            "UPDATE fitted_space SET version = ?, fitted_on = ?, passages = ?",
            (space.version, space.fitted_on, space.passages),
        )


def _connect(file: Path, *, create: bool) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30
    )
    for pragma in migrations.PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _stored_document(
    id_: int, path: str, name: str, sha256: str, media_type: str, pages: int, chunks: int,
    notes: str, size: int, modified_ns: int,
) -> StoredDocument:  # fmt: skip
    return StoredDocument(
        id_, path, name, sha256, media_type, pages, chunks, _notes(notes), size, modified_ns
    )


def _notes_json(notes: Sequence[Note]) -> str:
    return json.dumps([[note.code, dict(note.values)] for note in notes], ensure_ascii=False)


def _notes(stored: str) -> tuple[Note, ...]:
    """Read notes; those of format 2 and before are English sentences."""
    return tuple(
        Note("as_it_was_written", {"sentence": one}) if isinstance(one, str) else Note(*one)
        for one in json.loads(stored)
    )
