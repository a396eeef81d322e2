"""The tables of a knowledge base, and how those of earlier versions become these."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path, PurePath

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import seals, spare
from ragapp.index.seals import sealed
from ragapp.text.terms import TERMS_VERSION, term_counts

SCHEMA_VERSION = 5
TERMS_BLOCK = 5000
"""Passages cut into terms at a time."""

# Content that is deleted is overwritten, not only unlinked. It is the default of many builds of
# SQLite, but not of all, and costs in proportion to what is deleted.
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",
)

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
    headings TEXT NOT NULL DEFAULT '[]',  -- JSON [[level, title, start], ...]
    notes TEXT NOT NULL,          -- JSON [[code, {value}], ...]
    size INTEGER NOT NULL DEFAULT 0,         -- bytes of the file
    modified_ns INTEGER NOT NULL DEFAULT 0,  -- its time of modification, 0 where unknown
    chunk_count INTEGER NOT NULL,
    added_in INTEGER NOT NULL,    -- first generation that holds it
    removed_in INTEGER,           -- first generation that no longer does
    content_seal BLOB NOT NULL DEFAULT x'',  -- of the text (seals.py)
    seal BLOB NOT NULL DEFAULT x''           -- of all else
);
CREATE INDEX documents_by_path ON documents (path);
CREATE INDEX documents_by_hash ON documents (sha256);
CREATE INDEX documents_by_name ON documents (name);
CREATE INDEX documents_by_added ON documents (added_in);
CREATE INDEX documents_by_removed ON documents (removed_in) WHERE removed_in IS NOT NULL;
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
    term_counts BLOB NOT NULL,    -- uint16 (t,)
    searched_seal BLOB NOT NULL DEFAULT x'',  -- of what the index is built from
    shown_seal BLOB NOT NULL DEFAULT x''      -- of what is cited
);
CREATE INDEX chunks_by_document ON chunks (document_id);
CREATE TABLE sketches (           -- by which texts that are nearly the same are known
    document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    hashes BLOB NOT NULL          -- uint64 (at most 64,), sorted (text/resembling.py)
);
CREATE TABLE whitening (version INTEGER NOT NULL, part TEXT NOT NULL, rows INTEGER NOT NULL,
    data BLOB NOT NULL, seal BLOB NOT NULL DEFAULT x'', PRIMARY KEY (version, part)) WITHOUT ROWID;
CREATE TABLE fitted_space (       -- one row: the space of the current generation
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL,     -- of the whitening
    fitted_on INTEGER NOT NULL,   -- passages there were at the fit
    passages INTEGER NOT NULL,    -- passages there are in the current generation
    seal BLOB NOT NULL DEFAULT x''
);
INSERT INTO fitted_space (only, version, fitted_on, passages) VALUES (1, 0, 0, 0)
"""

# From 1, where every generation had a whitening of its own: that of the current one stays.
TO_2 = """
CREATE INDEX documents_by_name ON documents (name);
CREATE INDEX documents_by_added ON documents (added_in);
CREATE INDEX documents_by_removed ON documents (removed_in) WHERE removed_in IS NOT NULL;
DELETE FROM whitening WHERE generation <> (SELECT value FROM meta WHERE key = 'generation');
ALTER TABLE whitening RENAME COLUMN generation TO version;
UPDATE whitening SET version = 1;
CREATE TABLE fitted_space (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL,
    fitted_on INTEGER NOT NULL,
    passages INTEGER NOT NULL
);
INSERT INTO fitted_space
    SELECT 1, 1, count(*), count(*) FROM chunks c JOIN documents d ON d.id = c.document_id,
        (SELECT CAST(value AS INTEGER) AS now FROM meta WHERE key = 'generation')
    WHERE d.added_in <= now AND (d.removed_in IS NULL OR d.removed_in > now);
UPDATE meta SET value = '2' WHERE key = 'schema'
"""

TO_3 = """
ALTER TABLE documents ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN modified_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN content_seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE documents ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE chunks ADD COLUMN searched_seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE chunks ADD COLUMN shown_seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE whitening ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE fitted_space ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
UPDATE meta SET value = '3' WHERE key = 'schema'
"""

TO_4 = """
CREATE TABLE sketches (           -- by which texts that are nearly the same are known
    document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    hashes BLOB NOT NULL          -- uint64 (at most 64,), sorted (text/resembling.py)
);
UPDATE meta SET value = '4' WHERE key = 'schema'
"""

# The headings of documents that are there are not known. A harmed row stays one.
SEALED_UNTIL_5 = (
    "id, path, name, sha256, media_type, pages, notes, size, modified_ns, chunk_count, added_in,"
    " removed_in, content_seal"
)
TO_5 = f"""
ALTER TABLE documents ADD COLUMN headings TEXT NOT NULL DEFAULT '[]';
UPDATE documents SET seal = {sealed(seals.DOCUMENT)} WHERE seal = {sealed(SEALED_UNTIL_5)};
UPDATE meta SET value = '5' WHERE key = 'schema'
"""  # noqa: S608 - our own text

STEPS = {"1": TO_2, "2": TO_3, "3": TO_4, "4": TO_5}

UNSEALED = "2"
"""The last version whose rows had no checksums."""
SEAL_ALL = f"""
UPDATE documents SET content_seal = {sealed(seals.CONTENT)};
UPDATE documents SET seal = {sealed(seals.DOCUMENT)};
UPDATE chunks SET searched_seal = {sealed(seals.SEARCHED)}, shown_seal = {sealed(seals.SHOWN)};
UPDATE whitening SET seal = {sealed(seals.WHITENING)};
UPDATE fitted_space SET seal = {sealed(seals.FITTED_SPACE)}
"""  # noqa: S608 - our own text


def create(connection: sqlite3.Connection) -> None:
    """Make the tables; call inside a transaction."""
    _run(connection, SCHEMA)
    _run(connection, SEAL_ALL)


def bring_up_to_date(connection: sqlite3.Connection, file: Path) -> None:
    """Bring a database to this version from an earlier one, all of it or nothing.

    The database as it was stays beside it (``spare``) until the next generation is published.

    Raises:
        KnowledgeBaseDamaged: it does not pass SQLite's check, or is of a version unknown here.
        KnowledgeBaseError: there is no room for the copy.
    """
    if _schema(connection) == str(SCHEMA_VERSION):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        if (schema := _schema(connection)) != str(SCHEMA_VERSION):
            _check_known(schema, file.parent)
            _check(connection, schema, file.parent)
            spare.keep(file)
        sealed_before = int(schema or 0) > int(UNSEALED)
        while (schema := _schema(connection)) != str(SCHEMA_VERSION):
            _check_known(schema, file.parent)
            _run(connection, STEPS[schema])
        if not sealed_before:  # what earlier versions wrote wrong, nobody can tell
            _run(connection, SEAL_ALL)
        _make_terms_anew(connection)
        _seal_meta(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make_terms_anew(connection: sqlite3.Connection) -> None:
    """Cut the stored passages into terms by the rules of now, where they were cut by others.

    Vectors are not touched. What a chunk's terms have come from beside its text is made of its
    document's name and headings again; of long ones all is taken, where some was left out.
    """
    now = str(TERMS_VERSION)
    if dict(connection.execute("SELECT key, value FROM meta")).get("terms") == now:
        return
    chunks = connection.execute(
        "SELECT c.id, c.text, c.heading, d.name FROM chunks c"  # noqa: S608 - our own text
        " JOIN documents d ON d.id = c.document_id"
        f" WHERE c.searched_seal = {sealed(seals.SEARCHED, 'c')}"
    )
    while rows := chunks.fetchmany(TERMS_BLOCK):
        values = []
        for chunk, text, heading, name in rows:
            titles = " ".join((PurePath(name).stem, *json.loads(heading)))
            counts = term_counts(f"{titles} {text}")
            values.append((counts.hashes.tobytes(), counts.counts.tobytes(), chunk))
        connection.executemany(
            "UPDATE chunks SET term_hashes = ?, term_counts = ? WHERE id = ?", values
        )
        connection.executemany(
            f"UPDATE chunks SET searched_seal = {sealed(seals.SEARCHED)} WHERE id = ?",  # noqa: S608
            [(value[-1],) for value in values],
        )
    connection.execute("UPDATE meta SET value = ? WHERE key = 'terms'", (now,))


def _check_known(schema: str, folder: Path) -> None:
    if schema not in STEPS:
        raise KnowledgeBaseDamaged(
            "base_of_other_format" if schema else "base_of_unknown_format",
            folder=folder,
            then=schema,
            now=SCHEMA_VERSION,
        )


def _seal_meta(connection: sqlite3.Connection) -> None:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (seals.META, seals.of_meta(meta))
    )


def _schema(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    return str(row[0]) if row else ""


def _check(connection: sqlite3.Connection, schema: str, folder: Path) -> None:
    """Make sure that a database is whole before its checksums are computed anew."""
    problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)")]
    if problems != ["ok"]:
        raise KnowledgeBaseDamaged("old_base_damaged", folder=folder, reason=problems[0])
    if int(schema) > int(UNSEALED):
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        if meta.get(seals.META) != seals.of_meta(meta):
            raise KnowledgeBaseDamaged("record_damaged", kb=folder.name)


def _run(connection: sqlite3.Connection, statements: str) -> None:
    """Run statements one by one: ``executescript`` would commit first."""
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
