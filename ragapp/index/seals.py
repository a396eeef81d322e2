"""Checksums over what the rows of the store hold, computed by SQLite as rows are written and read.

``seal(...)`` is a function in SQL. A row is sealed with its own id and that of its document, so
that a flipped bit anywhere in it, or a row that has come to lie under another id, does not pass.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Mapping

SIZE = 8
"""Bytes: one in 2**64 changes goes unseen."""

# What a passage is found by, and what is shown of it: an index is built without reading the rest.
SEARCHED = (
    "{0}id, {0}document_id, {0}vector, {0}term_hashes, {0}term_counts, substr({0}text, 1, 200)"
)
SHOWN = (
    '{0}id, {0}document_id, {0}start, {0}"end", {0}text, {0}page, {0}heading, {0}sentences,'
    " {0}sentence_vectors, {0}sentence_scales"
)
CONTENT = "{0}text"
DOCUMENT = (
    "{0}id, {0}path, {0}name, {0}sha256, {0}media_type, {0}pages, {0}headings, {0}notes,"
    " {0}size, {0}modified_ns, {0}chunk_count, {0}added_in, {0}removed_in, {0}content_seal"
)
WHITENING = "{0}version, {0}part, {0}rows, {0}data"
FITTED_SPACE = "{0}version, {0}fitted_on, {0}passages"

META = "seal"
"""The key in ``meta`` under which the checksum of all other keys and values lies."""


def seal(*values: object) -> bytes:
    """Return the checksum of the values of some columns, each with its type and its length."""
    digest = hashlib.blake2b(digest_size=SIZE)
    for value in values:
        if isinstance(value, str):
            kind, data = b"t", value.encode("utf-8", "surrogatepass")
        elif isinstance(value, bytes):
            kind, data = b"b", value
        else:
            kind, data = b"n", repr(value).encode()
        digest.update(kind + struct.pack("<Q", len(data)))
        digest.update(data)
    return digest.digest()


def of_meta(meta: Mapping[str, str]) -> str:
    """Return the checksum of all keys and values but itself."""
    return seal(*(part for pair in sorted(meta.items()) if pair[0] != META for part in pair)).hex()


def sealed(columns: str, table: str = "") -> str:
    """Return the SQL that seals some columns, of a table with this short name."""
    return f"seal({columns.format(table + '.' if table else '')})"


def teach(connection: sqlite3.Connection) -> None:
    """Let a connection know the function."""
    connection.create_function("seal", -1, seal, deterministic=True)
