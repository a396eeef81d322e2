"""A sheet → its tables: blank rows part them, and what stands alone above one is its title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice

from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.table import LOOKED_AT, Row, find_header, is_number

MOST_TITLES = 8
"""Rows of one cell above a table that are its title; more are a list."""


def compose_sheet(composer: Composer, rows: Iterable[Row], *, named: bool = False) -> None:
    """Add the tables of a sheet. rows: of cells, each one line of text; they are read once.

    named: the first row names the columns, if it can.

    A table that goes on below a blank row, without names of its own and as wide, keeps those of
    the one above it.
    """
    names: Row | None = None
    for blank, group in groupby(rows, key=lambda row: not any(row)):
        if blank:
            continue
        top = list(islice(group, LOOKED_AT))
        titles = _titles(top)
        for row in top[:titles]:
            composer.paragraph(next(filter(None, row)))
        top = top[titles:]
        if not top:
            continue
        header = find_header(top) or int(named and names is None and _can_name(top))
        if header:
            names = top[0]
        elif names is not None and _width(names) == max(map(_width, top)):
            top, header = [names, *top], 1
        composer.table(chain(top, group), header)  # noqa: B031 - the rest of it


def _can_name(top: list[Row]) -> bool:
    """Say whether the first of some rows is of different words, one for each column."""
    first, width = top[0], max(map(_width, top))
    words = len(first) >= width and all(first) and not any(map(is_number, first))
    return len(top) > 1 and width > 1 and words and len(set(first)) == len(first)


def _titles(rows: list[Row]) -> int:
    """Return how many rows at the top say one thing only, above rows that say more."""
    for count, row in enumerate(rows):
        if len(set(filter(None, row))) != 1:
            return count if count <= MOST_TITLES else 0
    return 0


def _width(row: Row) -> int:
    return max((place for place, cell in enumerate(row, 1) if cell), default=0)


def filled_in(
    rows: Iterable[Row], spans: Iterable[tuple[int, int, int, int]], most: int
) -> Iterator[Row]:
    """Yield the rows with the value of merged cells in each of them.

    spans: top, left, bottom, right, both ends counted, from 0; most: cells to fill in, at most.
    """
    at: dict[int, list[tuple[int, int, int]]] = {}
    for top, left, bottom, right in spans:
        most -= (bottom - top + 1) * (right - left + 1)
        if most < 0:
            break
        for number in range(top, bottom + 1):
            at.setdefault(number, []).append((top, left, right))
    held: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        merged = at.pop(number, [])
        if not merged:
            yield row
            continue
        cells = list(row)
        for top, left, right in merged:
            if top == number and left < len(cells):
                held[top, left] = cells[left]
            value = held.get((top, left), "")
            cells += [""] * (right + 1 - len(cells))
            cells[left : right + 1] = [value] * (right + 1 - left)
        yield cells
