"""OpenDocument text and slides: one XML part holds all of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer, collapse_space, with_target
from ragapp.documents.readers.xml import parse_xml
from ragapp.documents.signatures import Content
from ragapp.errors import BrokenDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MOST_REPEATED = 200
"""Times a cell or a row is repeated; those repeated more often fill up an empty sheet."""
TALLEST_SPAN, WIDEST_SPAN = 2000, 60  # cells that one may cover

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _TABLE = f"{{{_NAMES}text:1.0}}", f"{{{_NAMES}table:1.0}}"
_OFFICE, _DRAW = f"{{{_NAMES}office:1.0}}", f"{{{_NAMES}drawing:1.0}}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_SKIPPED = frozenset(
    {_TEXT + "tracked-changes", _TEXT + "sequence-decls", _OFFICE + "forms", _TEXT + "index-source"}
)
_APART = frozenset({_TEXT + "note", _OFFICE + "annotation", _DRAW + "text-box", _TABLE + "table"})
_KINDS = (b"mimetypeapplication/vnd.oasis.opendocument.text",
          b"mimetypeapplication/vnd.oasis.opendocument.presentation")  # fmt: skip


def read(data: bytes, name: str) -> Extract:
    """Return the text of an .odt or .odp file; notes and comments follow their paragraph.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: its parts are locked.
    """
    check_archive(data, name)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            root = parse_xml(archive.read("content.xml"))
    except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise BrokenDocument(
            "office_damaged", name=name, format="OpenDocument", reason=str(error)
        ) from error
    composer = Composer()
    _walk(composer, root)
    return composer.extract()


def _walk(composer: Composer, root: Element) -> None:
    """Go through the tree in order, without recursion: files are nested deeper than the stack."""
    stack: list[tuple[Element, int]] = [(root, 0)]
    first_of_item = False
    while stack:
        node, lists = stack.pop()
        tag = node.tag
        if tag in _SKIPPED or not isinstance(tag, str):
            continue
        if tag == _TEXT + "h":
            composer.heading(max(1, _count(node.get(_TEXT + "outline-level"))), _text(node))
            stack += [(one, 0) for one in reversed(list(_apart(node)))]
        elif tag == _TEXT + "p":
            text = _text(node)
            if lists and text.strip():
                mark = "- " if first_of_item else "  "
                composer.paragraph("  " * (min(lists, 8) - 1) + mark + text, tight=True)
                first_of_item = False
            else:
                composer.paragraph(text)
            stack += [(one, 0) for one in reversed(list(_apart(node)))]
        elif tag == _TABLE + "table":
            composer.table(list(_rows(node)), _header_rows(node))
        elif tag == _TEXT + "note":
            composer.paragraph(_note(node))
        else:
            first_of_item = tag == _TEXT + "list-item" or first_of_item
            deeper = lists + (tag == _TEXT + "list")
            stack += [(child, deeper) for child in reversed(node)]


def _text(element: Element) -> str:
    """Return the text of a paragraph, without what stands apart from it."""
    pieces: list[str] = []
    stack: list[tuple[Element, bool]] = [(element, False)]
    link = 0
    while stack:
        node, leaving = stack.pop()
        if leaving:
            if node.tag == _TEXT + "a":
                target = node.get(_LINK, "")
                pieces[link:] = [with_target("".join(pieces[link:]), target)]
            pieces.append(node.tail or "" if node is not element else "")
            continue
        stack.append((node, True))
        if node.tag == _TEXT + "s":
            pieces.append(" " * min(_count(node.get(_TEXT + "c")) or 1, 20))
        elif node.tag == _TEXT + "tab":
            pieces.append("\t")
        elif node.tag == _TEXT + "line-break":
            pieces.append("\n")
        elif node.tag == _TEXT + "note":
            pieces.append(f"[{_citation(node)}]")
        elif node.tag not in _APART and isinstance(node.tag, str):
            if node.tag == _TEXT + "a":
                link = len(pieces)
            pieces.append(node.text or "")
            stack += [(child, False) for child in reversed(node)]
    return "".join(pieces)


def _apart(paragraph: Element) -> Iterator[Element]:
    """Yield the notes, comments, boxes and tables of a paragraph, the outermost of each."""
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag in _APART:
            yield node
        else:
            stack += reversed(node)


def _citation(note: Element) -> str:
    return "".join(note.findtext(_TEXT + "note-citation", "").split())


def _note(note: Element) -> str:
    body = note.find(_TEXT + "note-body")
    texts = [] if body is None else [_text(p) for p in body.iter(_TEXT + "p")]
    return f"[{_citation(note)}] {collapse_space(' '.join(texts))}"


def _header_rows(table: Element) -> int | None:
    head = table.find(_TABLE + "table-header-rows")
    return None if head is None else sum(1 for _ in head.iterchildren(_TABLE + "table-row"))


def _rows(table: Element) -> Iterator[list[str]]:
    """Yield the rows of a table; those of tables within its cells stand in their cell."""
    merged: dict[tuple[int, int], str] = {}
    stack = list(reversed(table))
    y = 0
    while stack:
        node = stack.pop()
        if node.tag != _TABLE + "table-row":
            if isinstance(node.tag, str) and node.tag.startswith(_TABLE + "table-"):
                stack += reversed(node)
            continue
        row: list[str] = []
        for cell in node.iterchildren(_TABLE + "table-cell", _TABLE + "covered-table-cell"):
            text = collapse_space(" ".join(_text(p) for p in cell.iter(_TEXT + "p")))
            tall = min(_count(cell.get(_TABLE + "number-rows-spanned")) or 1, TALLEST_SPAN)
            wide = min(_count(cell.get(_TABLE + "number-columns-spanned")) or 1, WIDEST_SPAN)
            if text and (tall > 1 or wide > 1):
                merged.update(
                    ((y + below, len(row) + right), text)
                    for below in range(tall)
                    for right in range(wide)
                )
            times = _count(cell.get(_TABLE + "number-columns-repeated")) or 1
            for _ in range(times if times <= MOST_REPEATED else 1):
                row.append(text or merged.get((y, len(row)), ""))
        yield row
        y += 1


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 7 else 0


def _is_open_document(content: Content) -> bool:
    return any(kind in content.head[:200] for kind in _KINDS)


FORMAT = Format(
    name="OpenDocument",
    suffixes=(".odt", ".odp"),
    media_type="application/vnd.oasis.opendocument.text",
    read=read,
    signature=_is_open_document,
    always_signed=True,
)
