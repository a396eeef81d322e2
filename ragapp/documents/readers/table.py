"""Tables → lines of text: every line says which columns its values are of.

A row is found, quoted and cited by itself, so it must be understood by itself. A row of a table
with a header becomes ``Part: K-4613 | On order: 12``; a row without one ``K-4613 | 12``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

Row = Sequence[str]

CELL_BREAK = " | "
WIDEST_LINE = 600
"""Characters; a wider row goes on in a new line that says its first cell again."""
LONGEST_COLUMN_NAME = 60
"""Characters; a longer cell is prose, and a table under it has no header."""
LOOKED_AT = 30
"""Rows from which it is judged whether the first is a header."""

_NUMBER = re.compile(r"[^\w]*[\d.,:/%\-−–+()\s]*\d[\d.,:/%\-−–+()\s]*(?:[^\W\d_]{1,4})?[^\w]*")


def table_lines(rows: Iterable[Row], header_rows: int | None = None) -> Iterator[str]:
    """Yield the lines of a table; a value merged over several cells stands in each of them.

    rows: of cells, each of them one line of text;
    header_rows: how many rows at the top name the columns; None: found out by ``find_header``.
    """
    filled = (row for row in rows if any(row))
    top = _take(filled, LOOKED_AT if header_rows is None else header_rows)
    if header_rows is None:
        header_rows = find_header(top)
    names = _column_names(top[:header_rows])
    body = 0
    for part in (top[header_rows:], filled):
        for row in part:
            body += 1
            yield from row_lines(names, row)
    if not body and names:  # a table of names only
        yield CELL_BREAK.join(filter(None, names))


def row_lines(names: Row, row: Row) -> Iterator[str]:
    """Yield a row as lines of at most about ``WIDEST_LINE`` characters.

    names: of the columns; empty, or too few, where they have none.
    """
    cells = [
        f"{name}: {value}" if name and name != value else value
        for name, value in _pairs(names, row)
        if value
    ]
    if not cells:
        return
    first = cells[0] if len(cells[0]) <= LONGEST_COLUMN_NAME * 2 else ""
    line = cells[0]
    for cell in cells[1:]:
        if len(line) + len(cell) > WIDEST_LINE:
            yield line
            line = f"{first}{CELL_BREAK}{cell}" if first else cell
        else:
            line += CELL_BREAK + cell
    yield line


def find_header(rows: Sequence[Row]) -> int:
    """Say how many rows at the top name the columns: 0 or 1.

    A header names every column that has values, differently, with short words; and what stands
    under it differs from it: numbers, or values that come again.
    """
    if len(rows) < 2:
        return 0
    first, body = rows[0], rows[1:]
    used = [any(column < len(row) and row[column] for row in body) for column in range(len(first))]
    named = [name for name, is_used in zip(first, used, strict=True) if is_used]
    if len(named) < 2 or len(set(filter(None, named))) < len([n for n in named if n]):
        return 0
    if sum(1 for name in named if not name) > 1:  # only the corner may be without a name
        return 0
    if any(len(name) > LONGEST_COLUMN_NAME or is_number(name) for name in named):
        return 0
    if len(named) == 2:
        return int(_are_columns(first, body))
    return 1


def is_number(text: str) -> bool:
    """Say whether a cell is a quantity, a date or a code of digits: "8,400", "24 V", "2015-07"."""
    return _NUMBER.fullmatch(text) is not None


def _are_columns(first: Row, body: Sequence[Row]) -> bool:
    """Tell two columns under a header from pairs of a name and its value.

    Pairs say "Name:"; and where all is words, names of columns are no longer than the words.
    """
    if any(cell.rstrip().endswith((":", "：")) for row in (first, *body) for cell in row[:1]):
        return False
    if any(is_number(cell) for row in body for cell in row):
        return True
    longest = [max((len(row[i]) for row in body if i < len(row)), default=0) for i in range(2)]
    return len(body) > 1 and all(len(name) <= n for name, n in zip(first, longest, strict=False))


def _column_names(rows: Sequence[Row]) -> list[str]:
    """Return one name a column, of several rows of them: "2024 Sales" under a merged "2024"."""
    width = max(map(len, rows), default=0)
    columns = ([row[column] for row in rows if column < len(row)] for column in range(width))
    return [" ".join(dict.fromkeys(filter(None, column))).rstrip(":：") for column in columns]


def _pairs(names: Row, row: Row) -> Iterator[tuple[str, str]]:
    """Yield (name, value); a value merged over several columns of one name comes once."""
    last = ("", "")
    for column, value in enumerate(row):
        pair = (names[column] if column < len(names) else "", value)
        if pair != last or not value:
            yield pair
        last = pair


def _take(rows: Iterator[Row], count: int) -> list[Row]:
    return [row for _, row in zip(range(count), rows, strict=False)]
