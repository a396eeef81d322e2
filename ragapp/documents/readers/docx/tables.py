"""Tables of Word → rows, with merged values in each of their cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ragapp.documents.readers.compose import collapse_space
from ragapp.documents.readers.docx.names import W, is_skipped

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

WIDEST_SPAN = 60
"""Columns that a cell may cover; what claims more is damaged."""

MOST_FILLED = 4_000_000
"""Characters that merged cells may add to a table; beyond, they are no longer filled in."""

TextOf = Callable[["Element"], str]


def rows_of(table: Element) -> list[Element]:
    """Return the rows of a table, without those that were deleted in review."""
    return [row for row in _children(table, W + "tr") if cells_of(row)]


def cells_of(row: Element) -> list[Element]:
    """Return the cells of a row, without those that were deleted in review."""
    return list(_children(row, W + "tc"))


def table_rows(table: Element, text_of: TextOf) -> Iterator[list[str]]:
    """Yield the cells of each row. text_of: the text of a paragraph."""
    above: dict[int, str] = {}  # by column: the value that is merged downwards
    filled = 0
    for row in rows_of(table):
        line: list[str] = [""] * _count(row.find(f"{W}trPr/{W}gridBefore"), 0)
        for cell in cells_of(row):
            text = collapse_space(" ".join(text_of(one) for one in _paragraphs(cell)))
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            if merge is not None and merge.get(W + "val") != "restart":
                text = text or (above.get(len(line), "") if filled < MOST_FILLED else "")
                filled += len(text)
            else:
                above[len(line)] = text
            wide = _count(cell.find(f"{W}tcPr/{W}gridSpan"), 1)
            line += [text] * (wide if filled < MOST_FILLED else 1)
            filled += len(text) * (wide - 1)
        yield line


def header_rows(table: Element) -> int | None:
    """Return how many rows at the top are repeated on each page; None where none is said to be."""
    count = 0
    for row in rows_of(table):
        mark = row.find(f"{W}trPr/{W}tblHeader")
        if mark is None or mark.get(W + "val") in ("0", "false"):
            break
        count += 1
    return count if 0 < count < len(rows_of(table)) else None


def _paragraphs(cell: Element) -> Iterator[Element]:
    """Yield the paragraphs of a cell and of tables in it; those of text boxes come apart."""
    stack = list(reversed(cell))
    while stack:
        node = stack.pop()
        if node.tag == W + "p":
            yield node
        elif not is_skipped(node):
            stack += reversed(node)


def _children(parent: Element, tag: str) -> Iterator[Element]:
    """Yield the children of a name, also those in content controls and tracked insertions."""
    stack = list(reversed(parent))
    while stack:
        node = stack.pop()
        if is_skipped(node):
            continue
        if node.tag == tag:
            yield node
        elif node.tag in (
            W + "sdt", W + "sdtContent", W + "ins", W + "customXml", W + "moveTo"
        ):  # fmt: skip
            stack += reversed(node)


def _count(element: Element | None, otherwise: int) -> int:
    value = "" if element is None else element.get(W + "val", "")
    count = int(value) if value.isdecimal() and len(value) < 5 else otherwise
    return count if otherwise <= count <= WIDEST_SPAN else otherwise
