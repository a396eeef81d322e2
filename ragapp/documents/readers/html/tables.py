"""Tables of web pages: rows of cells, those that span several filled in, and what is no table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ragapp.documents.readers.compose import collapse_space, with_target
from ragapp.documents.readers.html.tree import Element

WIDEST_SPAN, TALLEST_SPAN = 60, 2000
"""Cells; what claims to span more is forged, and spans itself alone."""
MOST_FILLED = 4_000_000
"""Characters that filling in spans may add to a table; beyond, they are no longer filled in."""
DEEPEST_TABLE = 2
"""Tables in tables in a table; where they are deeper, they lay out a page."""
LONGEST_CELL = 800
"""Characters of the usual cell; longer ones are the columns of a page's layout."""

_PARTS_NO_WORDS = re.compile(
    r"abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|rb|ruby|s|samp|small"
    r"|span|strike|strong|sub|sup|time|tt|u|var|wbr|a"
)

Dropped = Callable[[Element], bool]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table, all spans filled in; the first ``header_rows`` name its columns.

    header_rows: None where the page does not say.
    """

    caption: str
    rows: list[list[str]]
    header_rows: int | None


def read_table(table: Element, dropped: Dropped) -> Table | None:
    """Return a table; None where it only lays out a page."""
    if table.attributes.get("role") in ("presentation", "none") or table.holds_heading:
        return None
    if table.deepest_table > DEEPEST_TABLE:
        return None
    rows = list(_rows(table, dropped))
    cells = [cell for _, row in rows for cell in row]
    wide = max((len(row) for _, row in rows), default=0)
    if table.holds_layout and (len(rows) < 2 or wide < 2):
        return None
    texts = {id(cell): _cell_text(cell, dropped) for cell in cells}
    lengths = sorted(len(text) for text in texts.values())
    if lengths and lengths[len(lengths) // 2] > LONGEST_CELL:
        return None
    caption = next((child for child in _elements(table) if child.name == "caption"), None)
    return Table(
        _cell_text(caption, dropped) if caption is not None else "",
        _filled([row for _, row in rows], texts),
        _header_rows(rows),
    )


def _elements(parent: Element) -> Iterator[Element]:
    return (child for child in parent.children if isinstance(child, Element))


def _rows(table: Element, dropped: Dropped) -> Iterator[tuple[bool, list[Element]]]:
    """Yield each row's cells, and whether it stands in the table's head."""
    for part in _elements(table):
        if dropped(part):
            continue
        if part.name == "tr":
            yield False, _cells(part)
        elif part.name in ("thead", "tbody", "tfoot"):
            for row in _elements(part):
                if row.name == "tr" and not dropped(row):
                    yield part.name == "thead", _cells(row)


def _cells(row: Element) -> list[Element]:
    """Return the cells of a row; those that a page forgot to close lie within one another."""
    return [cell for cell in _elements(row) if cell.name in ("td", "th")]


def _header_rows(rows: list[tuple[bool, list[Element]]]) -> int | None:
    """Return how many rows at the top are of names: in the head, or of nothing but ``th``."""
    count = 0
    for in_head, row in rows:
        if not (in_head or (row and all(cell.name == "th" for cell in row))):
            break
        count += 1
    if count == len(rows):
        return min(1, count)
    return count or (0 if _is_record(rows) else None)


def _is_record(rows: list[tuple[bool, list[Element]]]) -> bool:
    """Say whether each row names itself: ``th`` first, one value after it."""
    return all(len(row) == 2 and row[0].name == "th" for _, row in rows)


def _filled(rows: list[list[Element]], texts: dict[int, str]) -> list[list[str]]:
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column: rows still to fill, with what
    made = 0
    for row in rows:
        line: list[str] = []
        for cell in row:
            _fill_from_above(line, below)
            text = texts[id(cell)]
            wide, tall = _span(cell, "colspan", WIDEST_SPAN), _span(cell, "rowspan", TALLEST_SPAN)
            added = (wide * tall - 1) * (len(text) + 1)
            if made + added > MOST_FILLED:
                wide = tall = 1
            else:
                made += added
            for _ in range(wide):
                if tall > 1:
                    below[len(line)] = (tall - 1, text)
                line.append(text)
        _fill_from_above(line, below)
        grid.append(line)
    return grid


def _fill_from_above(line: list[str], below: dict[int, tuple[int, str]]) -> None:
    while len(line) in below:
        left, text = below.pop(len(line))
        if left > 1:
            below[len(line)] = (left - 1, text)
        line.append(text)


def _span(cell: Element, name: str, most: int) -> int:
    said = cell.attributes.get(name, "").strip()
    value = int(said) if said.isdecimal() and len(said) < 6 else 1
    return value if 1 <= value <= most else 1


def _cell_text(cell: Element, dropped: Dropped) -> str:
    """Return all text in a cell, each block and each link after the other."""
    pieces: list[str] = []
    stack: list[tuple[Element | str, bool]] = [(child, False) for child in reversed(cell.children)]
    link: tuple[int, str] | None = None  # where the open one begins, and where it leads
    while stack:
        node, leaving = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif leaving:
            if node.name == "a" and link is not None:
                (start, target), link = link, None
                text = collapse_space("".join(pieces[start:]))
                pieces[start:] = [with_target(text, target)]
            else:
                pieces.append(" ")
        elif node.name == "br":
            pieces.append(" ")
        elif node.name == "img":
            pieces.append(node.attributes.get("alt", ""))
        elif not dropped(node):
            if node.name == "a" and link is None:
                link = (len(pieces), node.attributes.get("href", ""))
                stack.append((node, True))
            elif not _PARTS_NO_WORDS.fullmatch(node.name):
                pieces.append(" ")
                stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children))
    return collapse_space("".join(pieces))
