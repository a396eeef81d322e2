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
from ragapp.index.rows import NewChunk, StoredChunk, chunk_row, dequantise, stored_chunk
from ragapp.text.terms import TERMS_VERSION, TermCounts
from ragapp.types import Document

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL,           -- where the file was read from: the identity of a document
    name TEXT NOT NULL,           -- what people are shown
    sha256 TEXT NOT NULL,         -- of the file's bytes
    media_type TEXT NOT NULL,
    text TEXT NOT NULL,           -- all offsets point into this
    pages TEXT NOT NULL,          -- JSON [[number, start, end], ...]
    notes TEXT NOT NULL,          -- JSON [sentence, ...]
    chunk_count INTEGER NOT NULL,
    added_in INTEGER NOT NULL,    -- first generation that holds it
    removed_in INTEGER            -- first generation that no longer does
);
CREATE INDEX documents_by_path ON documents (path);
CREATE INDEX documents_by_hash ON documents (sha256);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    text TEXT NOT NULL,           -- of the document, start to end: read without the whole of it
    page INTEGER,
    heading TEXT NOT NULL,        -- JSON [title, ...]
    sentences BLOB NOT NULL,      -- int32 (n, 2): spans
    vector BLOB NOT NULL,         -- float32 (d,): raw, before whitening
    sentence_vectors BLOB NOT NULL,  -- int8 (n, d)
    sentence_scales BLOB NOT NULL,   -- float32 (n,): int8 times scale is the raw vector
    term_hashes BLOB NOT NULL,    -- uint64 (t,)
    term_counts BLOB NOT NULL     -- uint16 (t,)
);
CREATE INDEX chunks_by_document ON chunks (document_id);
CREATE TABLE whitening (generation INTEGER NOT NULL, part TEXT NOT NULL, rows INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (generation, part)) WITHOUT ROWID;
"""


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
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexRows:
    """All that the caches of one generation are built from; row i is chunk ``ids[i]``.

    ids: (n,) int64; vectors: (n, d) float32 raw; openings: the first 200 characters of each.
    """

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    terms: list[TermCounts]
    openings: list[str]


class Store:
    """A connection to one knowledge base's database. Use from the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def create(cls, file: Path, meta: dict[str, str]) -> Store:
        """Make a new, empty database at generation 0."""
        store = cls(_connect(file, create=True))
        with store.transaction():
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    store._connection.execute(statement)
            fixed = {"schema": str(SCHEMA_VERSION), "terms": str(TERMS_VERSION), "generation": "0"}
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
            schema = store.meta().get("schema")
        except sqlite3.DatabaseError as error:
            locked_or_denied = isinstance(error, sqlite3.OperationalError)
            if locked_or_denied and "no such table" not in str(error):
                raise  # nothing is damaged; the knowledge base says what to do
            raise KnowledgeBaseDamaged(
                f"the knowledge base in {file.parent}",
                f"its database cannot be read ({error})",
                "Restore the folder from a backup, or delete it and ingest the documents again.",
            ) from error
        if schema != str(SCHEMA_VERSION):
            store.close()
            raise KnowledgeBaseDamaged(
                f"the knowledge base in {file.parent}",
                f"it was written in format {schema}, this program reads format {SCHEMA_VERSION}",
                "Use the version of ragapp that wrote it, or ingest the documents again.",
            )
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

    def find_documents(self, *, path: str = "", sha256: str = "") -> list[StoredDocument]:
        """List the documents of the next generation with this path or this content."""
        return self._documents("removed_in IS NULL AND (path = ? OR sha256 = ?)", (path, sha256))

    def _documents(self, condition: str, values: tuple[int | str, ...]) -> list[StoredDocument]:
        rows = self._connection.execute(
            "SELECT id, path, name, sha256, media_type, json_array_length(pages), chunk_count,"  # noqa: S608 - the condition is our own text
            f" notes FROM documents WHERE {condition} ORDER BY name, id",
            values,
        )
        return [
            StoredDocument(id_, path, name, sha256, kind, pages, chunks, tuple(json.loads(notes)))
            for id_, path, name, sha256, kind, pages, chunks, notes in rows
        ]

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
            " chunk_count, added_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.path, document.name, document.sha256, document.media_type, document.text,
                json.dumps(pages), json.dumps(document.notes, ensure_ascii=False), len(chunks),
                generation,
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
        self._connection.execute("DELETE FROM whitening WHERE generation < ?", (generation,))

    # --- chunks ---

    def index_rows(self, generation: int) -> IndexRows:
        """Read what the caches of a generation are built from."""
        rows = self._connection.execute(
            "SELECT c.id, c.vector, c.term_hashes, c.term_counts, substr(c.text, 1, 200)"
            " FROM chunks c JOIN documents d ON d.id = c.document_id"
            " WHERE d.added_in <= ? AND (d.removed_in IS NULL OR d.removed_in > ?) ORDER BY c.id",
            (generation, generation),
        ).fetchall()
        vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
        return IndexRows(
            ids=np.array([row[0] for row in rows], np.int64),
            vectors=vectors.reshape(len(rows), int(self.meta()["dimension"])),
            terms=[
                TermCounts(np.frombuffer(row[2], np.uint64), np.frombuffer(row[3], np.uint16))
                for row in rows
            ],
            openings=[row[4] for row in rows],
        )

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
        visible = (
            " FROM chunks c JOIN documents d ON d.id = c.document_id"
            " WHERE d.added_in <= ? AND (d.removed_in IS NULL OR d.removed_in > ?)"
        )
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

    # --- whitening ---

    def save_whitening(self, generation: int, parts: dict[str, NDArray[np.float32]]) -> None:
        """Store whitening arrays, (rows, columns) float32, for a generation."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO whitening (generation, part, rows, data) VALUES (?, ?, ?, ?)",
            [
                (generation, part, len(a), a.astype(np.float32).tobytes())
                for part, a in parts.items()
            ],
        )

    def load_whitening(self, generation: int) -> dict[str, NDArray[np.float32]]:
        """Read the whitening arrays of a generation; empty when there are none."""
        rows = self._connection.execute(
            "SELECT part, rows, data FROM whitening WHERE generation = ?", (generation,)
        )
        return {part: np.frombuffer(data, np.float32).reshape(n, -1) for part, n, data in rows}

    def publish(self, generation: int) -> None:
        """Make ``generation`` the one that readers see; call inside a transaction."""
        self.set_meta({"generation": str(generation)})


def _connect(file: Path, *, create: bool) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
