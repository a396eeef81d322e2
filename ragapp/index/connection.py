"""A connection to a store: transactions, what the knowledge base is, and which errors are harm."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import migrations, seals


class Connection:
    """A connection to one database. Use from the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, kb: str) -> None:
        self._connection = connection
        self._kb = kb

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[None]:
        """Run a block as one transaction: all of it or nothing; readers see one state."""
        self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has SQLite end it by itself
                self._connection.execute("ROLLBACK")
            raise

    def meta(self) -> dict[str, str]:
        """Return all keys: model identity, pooling, whitening settings, generation.

        Raises:
            KnowledgeBaseDamaged: they are not what was written.
        """
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        if meta.pop(seals.META, "") != seals.of_meta(meta):
            raise KnowledgeBaseDamaged("record_damaged", kb=self._kb)
        return meta

    def set_meta(self, values: dict[str, str]) -> None:
        """Set some keys."""
        insert = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
        self._connection.executemany(insert, values.items())
        every = dict(self._connection.execute("SELECT key, value FROM meta"))
        self._connection.execute(insert, (seals.META, seals.of_meta(every)))

    def created(self) -> str:
        """Return what tells this base from one made anew under its name."""
        return self.meta().get("created", "")

    def generation(self) -> int:
        """Return the generation that readers see."""
        return int(self.meta()["generation"])

    def _damaged(self, document: object) -> KnowledgeBaseDamaged:
        return KnowledgeBaseDamaged("document_damaged", kb=self._kb, document=document)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Say whether an error means that what is stored is harmed; else it may only not be used."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # of Python's: a text that is none
        return True
    return code & 0xFF not in (
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
    )  # fmt: skip


def connect(file: Path, *, create: bool) -> sqlite3.Connection:
    """Open a database; ``create``: a new one."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30
    )
    if create:  # before there is a table; else only a whole VACUUM changes it
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in migrations.PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    seals.teach(connection)
    return connection
