"""Chunks of one long document, kept on disk until all are there and it is written as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from ragapp.errors import KnowledgeBaseError
from ragapp.index.rows import COLUMNS, ChunkRow, NewChunk, chunk_row


class Spool:
    """A file without a name, which goes when it is closed or the process ends."""

    def __init__(self) -> None:
        self._count = 0
        self._connection = sqlite3.connect("", isolation_level=None)  # SQLite's temporary folder
        self._connection.execute(f"CREATE TABLE chunks ({COLUMNS})")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __len__(self) -> int:
        """Return how many chunks there are."""
        return self._count

    def add(self, chunks: Iterable[NewChunk]) -> None:
        """Keep some more.

        Raises:
            KnowledgeBaseError: there is no room.
        """
        marks = ", ".join("?" * len(COLUMNS.split(",")))
        try:
            for new in chunks:
                self._connection.execute(f"INSERT INTO chunks VALUES ({marks})", chunk_row(new))  # noqa: S608
                self._count += 1
        except sqlite3.Error as error:
            raise KnowledgeBaseError("spool_full", reason=str(error)) from error

    def rows(self) -> Iterator[ChunkRow]:
        """Yield the columns of each, in their order."""
        return iter(self._connection.execute(f"SELECT {COLUMNS} FROM chunks ORDER BY rowid"))  # noqa: S608
