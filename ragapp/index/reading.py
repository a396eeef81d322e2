"""What is read of a store, each row against its checksum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import seals
from ragapp.index.connection import Connection
from ragapp.index.rows import IndexRows, StoredChunk, dequantise, index_rows, stored_chunk
from ragapp.index.seals import sealed

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE_DOCUMENT = (
    f"d.seal = {sealed(seals.DOCUMENT, 'd')} AND d.content_seal = {sealed(seals.CONTENT, 'd')}"
)
WHITENING_PARTS = "whitening_parts"
"""Key in ``meta``: version and number of the arrays, so that a lost one is noticed."""
BLOCK = 20_000
"""Passages read at a time, some 60 MB."""
VISIBLE = "d.added_in <= ? AND (d.removed_in IS NULL OR d.removed_in > ?)"


@dataclass(frozen=True, slots=True)
class FittedSpace:
    """Version of the whitening, passages it was fitted on, passages there are now."""

    version: int
    fitted_on: int
    passages: int


class Reading(Connection):
    """Reads passages, texts and the vector space."""

    def document_text(self, document_id: int) -> str | None:
        """Return the extracted text of a document, None when it is gone.

        Raises:
            KnowledgeBaseDamaged: it is not what was written.
        """
        row = self._connection.execute(
            f"SELECT text, name, {WHOLE_DOCUMENT} FROM documents d WHERE id = ?",  # noqa: S608 - our own text
            (document_id,),
        ).fetchone()
        if row is not None and not row[2]:
            raise self._damaged(row[1])
        return None if row is None else str(row[0])

    # --- chunks ---

    def index_rows(self, generation: int) -> Iterator[IndexRows]:
        """Yield what the index of a generation is built from, block by block, ids ascending.

        Raises:
            KnowledgeBaseDamaged: a vector is not one, or a passage is missing.
        """
        return self._index_rows(VISIBLE, (generation, generation))

    def added_rows(self, generation: int) -> Iterator[IndexRows]:
        """Yield what a generation adds to the index of the one before it, as ``index_rows``."""
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

    def chunk_ids_of(self, document_id: int) -> list[int]:
        """Return the ids of the chunks of a document, in the order of its text."""
        rows = self._connection.execute(
            "SELECT id FROM chunks WHERE document_id = ? ORDER BY start, id", (document_id,)
        )
        return [int(row[0]) for row in rows]

    def passage_sample(
        self, generation: int, at_most: int
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Read raw vectors (n, d) and openings of ``at_most`` chunks, spread out.

        Raises:
            KnowledgeBaseDamaged: a vector is not one.
        """
        step = max(1, -(-self.passages_with(generation) // at_most))
        blocks = list(self._blocks(f"{VISIBLE} AND c.id % ? = 0", (generation, generation, step)))
        nothing = np.zeros((0, int(self.meta()["dimension"])), np.float32)
        vectors = np.concatenate([nothing, *(block.vectors for block in blocks)])
        return vectors, [opening for block in blocks for opening in block.openings]

    def _index_rows(self, condition: str, values: tuple[int, ...]) -> Iterator[IndexRows]:
        [(missing,)] = self._connection.execute(
            f"SELECT coalesce(sum(chunk_count), 0) FROM documents d WHERE {condition}",  # noqa: S608 - our own text
            values,
        )
        for block in self._blocks(condition, values):
            missing -= len(block.ids)
            yield block
        if missing:
            raise KnowledgeBaseDamaged("passages_missing", kb=self._kb)

    def _blocks(self, condition: str, values: tuple[int, ...]) -> Iterator[IndexRows]:
        dimension = int(self.meta()["dimension"])
        cursor = self._connection.execute(
            "SELECT c.id, d.id, c.vector, c.term_hashes, c.term_counts, substr(c.text, 1, 200),"  # noqa: S608 - our own text
            f" d.name, c.searched_seal = {sealed(seals.SEARCHED, 'c')}"
            " FROM chunks c JOIN documents d ON d.id = c.document_id"
            # Both ascend together; so no rows need to be sorted, which would take them all.
            f" WHERE {condition} ORDER BY d.id, c.id",
            values,
        )
        while rows := cursor.fetchmany(BLOCK):
            for row in rows:
                if not row[7]:
                    raise self._damaged(row[6])
            yield index_rows(rows, dimension)

    def chunks(self, ids: Sequence[int]) -> dict[int, StoredChunk]:
        """Read chunks by id; ids that are gone are left out.

        Raises:
            KnowledgeBaseDamaged: one of them, or its document, is not what was written.
        """
        marks = ",".join("?" * len(ids))
        rows = self._connection.execute(
            "SELECT c.id, d.id, d.name, d.path, c.page, c.heading,"  # noqa: S608 - question marks
            ' c.start, c."end",'
            " c.text, c.sentences, c.sentence_vectors,"
            f" c.sentence_scales, d.pages, d.headings, c.shown_seal = {sealed(seals.SHOWN, 'c')},"
            f" d.seal = {sealed(seals.DOCUMENT, 'd')}"
            " FROM chunks c JOIN documents d ON d.id = c.document_id"
            f" WHERE c.id IN ({marks})",
            list(map(int, ids)),
        ).fetchall()
        for row in rows:
            if not (row[14] and row[15]):
                raise self._damaged(row[2])
        return {row[0]: stored_chunk(row[:14]) for row in rows}

    def sentence_vectors(
        self, generation: int, at_most: int
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield opening and raw sentence vectors of some ``at_most`` chunks, spread out.

        Raises:
            KnowledgeBaseDamaged: one of them is not what was written.
        """
        visible = f" FROM chunks c JOIN documents d ON d.id = c.document_id WHERE {VISIBLE}"
        count = self._connection.execute(
            f"SELECT count(*) {visible}",
            (generation, generation),
        ).fetchone()[0]
        rows = self._connection.execute(
            "SELECT substr(c.text, 1, 200), c.sentence_vectors, c.sentence_scales,"
            f" c.shown_seal = {sealed(seals.SHOWN, 'c')}, d.name"
            f" {visible} AND c.id % ? = 0",
            (generation, generation, max(1, count // at_most)),
        )
        for text, quantised, scales, whole, name in rows:
            if not whole:
                raise self._damaged(name)
            yield text, dequantise(quantised, scales)

    # --- read through ---

    def integrity(self) -> list[str]:
        """Return what SQLite finds wrong with its file and its references."""
        found = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check(10)")]
        lost = self._connection.execute("PRAGMA foreign_key_check").fetchall()
        [(page_size,)] = self._connection.execute("PRAGMA page_size")
        file = Path(self._connection.execute("PRAGMA database_list").fetchone()[2])
        if file.stat().st_size % page_size:  # SQLite takes the rest of a page for zeros
            found.append("the file ends in the middle of a page")
        return [each for each in found if each != "ok"] + [str(row) for row in lost]

    def counts(self) -> tuple[int, int]:
        """Return how many documents and chunks there are, of all generations."""
        [(documents,)] = self._connection.execute("SELECT count(*) FROM documents")
        [(chunks,)] = self._connection.execute("SELECT count(*) FROM chunks")
        return int(documents), int(chunks)

    def harmed_documents(self) -> list[str]:
        """Name the documents of which a row is not what was written, or a vector is none."""
        whole = (
            f"c.searched_seal = {sealed(seals.SEARCHED, 'c')}"
            f" AND c.shown_seal = {sealed(seals.SHOWN, 'c')} AND length(c.vector) = ?"
        )
        rows = self._connection.execute(
            f"SELECT name FROM documents d WHERE NOT ({WHOLE_DOCUMENT})"  # noqa: S608 - our own text
            " OR chunk_count <> (SELECT count(*) FROM chunks c WHERE c.document_id = d.id)"
            " UNION SELECT d.name FROM chunks c JOIN documents d ON d.id = c.document_id"
            f" WHERE NOT ({whole}) ORDER BY 1",
            (4 * int(self.meta()["dimension"]),),
        )
        names = {str(row[0]) for row in rows}
        for name, vector in self._connection.execute(
            "SELECT d.name, c.vector FROM chunks c JOIN documents d ON d.id = c.document_id"
        ):
            if len(vector) % 4 or not np.isfinite(np.frombuffer(vector, np.float32)).all():
                names.add(str(name))
        return sorted(names)

    def incomplete(self) -> bool:
        """Say whether the current generation holds other passages than it records."""
        return len(self.chunk_ids()) != self.fitted_space().passages

    def check_whitening(self) -> None:
        """Read the whitening of the current generation.

        Raises:
            KnowledgeBaseDamaged: it is not what was written.
        """
        self.load_whitening(self.fitted_space().version)

    # --- the vector space ---

    def fitted_space(self) -> FittedSpace:
        """Return which vector space the current generation is compared in."""
        row = self._connection.execute(
            "SELECT version, fitted_on, passages,"  # noqa: S608 - our own text
            f" seal = {sealed(seals.FITTED_SPACE)} FROM fitted_space"
        ).fetchone()
        if row is None or not row[3]:
            raise KnowledgeBaseDamaged("record_damaged", kb=self._kb)
        return FittedSpace(*row[:3])

    def load_whitening(self, version: int) -> dict[str, NDArray[np.float32]]:
        """Read the whitening arrays of a version; empty when there are none.

        Raises:
            KnowledgeBaseDamaged: they are not what was written.
        """
        rows = self._connection.execute(
            f"SELECT part, rows, data, seal = {sealed(seals.WHITENING)}"  # noqa: S608 - our own text
            " FROM whitening WHERE version = ?",
            (version,),
        ).fetchall()
        expected = self.meta().get(WHITENING_PARTS)
        if not all(row[3] for row in rows) or _parts_lost(expected, version, len(rows)):
            raise KnowledgeBaseDamaged("record_damaged", kb=self._kb)
        return {part: np.frombuffer(data, np.float32).reshape(n, -1) for part, n, data, _ in rows}


def _parts_lost(recorded: str | None, version: int, found: int) -> bool:
    """Say whether fewer whitening arrays are there than were recorded for this version."""
    then, _, parts = (recorded or "").partition(" ")
    return then == str(version) and parts != str(found)
