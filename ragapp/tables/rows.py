"""The tables of a document, read back from its text, in which each row says its columns' names.

What the readers write of a table (``readers.table``) is the one form that all formats share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragapp.documents.readers.table import CELL_BREAK
from ragapp.tables.numbers import quantity

MOSTLY = 0.8
"""Of the cells of a column; where so many are quantities, they are compared as such."""
_CELL = re.compile(r"(?P<name>[^:|\n]{1,60}): (?P<value>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its cells by column, "" where there is none, and its place in the document's text."""

    cells: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the same columns."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def numeric(self) -> list[bool]:
        """Say for each column whether nearly all that stands in it is a quantity."""
        result = []
        for column in range(len(self.columns)):
            cells = [row.cells[column] for row in self.rows if row.cells[column]]
            numbers = sum(1 for cell in cells if quantity(cell) is not None)
            result.append(bool(cells) and numbers >= MOSTLY * len(cells))
        return result


def tables_in(text: str) -> list[Table]:
    """Return the tables of a text, each of two rows at least."""
    found: list[Table] = []
    names: list[str] = []
    held: list[tuple[dict[str, str], int, int]] = []

    def end_table() -> None:
        if len(held) > 1:
            rows = [
                TableRow(tuple(cells.get(name, "") for name in names), start, end)
                for cells, start, end in held
            ]
            columns = tuple(_each_once(names))
            found.append(Table(columns, tuple(rows)))
        names.clear()
        held.clear()

    for start, end in _lines(text):
        cells = _cells(text[start:end])
        if cells is None or (names and not set(cells) & set(names)):
            end_table()
        if cells is None:
            continue
        names.extend(name for name in cells if name not in names)
        held.append((cells, start, end))
    end_table()
    return found


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in text.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _cells(line: str) -> dict[str, str] | None:
    """Return a row's values by the names of their columns; None: the line is no row."""
    parts = line.strip().removeprefix("- ").split(CELL_BREAK)
    matched = [_CELL.fullmatch(part) for part in parts]
    named = {one["name"].strip(): one["value"].strip() for one in matched if one}
    if len(named) < 2 or sum(1 for one in matched if one) < len(parts):
        return None
    return named


def _each_once(names: Sequence[str]) -> Iterator[str]:
    """Yield names that differ in more than capitals, as columns of a database have to."""
    seen: dict[str, int] = {}
    for name in names:
        count = seen[name.lower()] = seen.get(name.lower(), 0) + 1
        yield name if count == 1 else f"{name} ({count})"
