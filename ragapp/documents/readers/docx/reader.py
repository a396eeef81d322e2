"""Word documents: paragraphs, headings, lists, tables and text boxes in the order of the body."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer, collapse_space
from ragapp.documents.readers.docx.numbering import Numbering
from ragapp.documents.signatures import Content
from ragapp.errors import BrokenDocument

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

MOST_BASES = 16  # styles a style may rest on; Word itself stops at about ten

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING_STYLE = re.compile(r"(?:heading|标题|標題|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(r"title|标题|標題", re.IGNORECASE)
# What stands beside the text: deleted in review, shown twice for old programs, field codes.
_SKIPPED = frozenset({_WORD + "del", _WORD + "moveFrom", _WORD + "instrText", _FALLBACK})
_BREAKS = {
    _WORD + "tab": "\t",
    _WORD + "br": "\n",
    _WORD + "cr": "\n",
    _WORD + "noBreakHyphen": "-",
}
# Wrappers around paragraphs and tables: content controls, tracked insertions, custom XML.
_WRAPPERS = frozenset(_WORD + tag for tag in ("sdt", "sdtContent", "ins", "customXml", "moveTo"))


def read(data: bytes, name: str) -> Extract:
    """Return the text of a DOCX file.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: its parts are locked.
    """
    from docx import Document
    from docx.opc.exceptions import OpcError

    errors = (OpcError, SyntaxError, zipfile.BadZipFile, LookupError, ValueError, AttributeError)
    check_archive(data, name)
    try:
        document = Document(io.BytesIO(data))
        composer = Composer()
        _Body(composer, document).walk(document.element.body)
    except errors as error:  # SyntaxError: bad XML
        raise BrokenDocument("word_damaged", name=name, reason=str(error)) from error
    return composer.extract()


class _Body:
    """Walks the body's XML, because python-docx leaves out tracked insertions and controls."""

    def __init__(self, composer: Composer, document: DocxDocument) -> None:
        self._composer = composer
        self._styles = {style.style_id: style for style in document.styles}
        self._numbering = Numbering(document)
        # a title stands above the headings of level 1
        self._shift = int(
            any(self._own_level(p) == 0 for p in document.element.body.iter(_WORD + "p"))
        )
        self._in_list = False

    def walk(self, parent: Element) -> None:
        for child in parent:
            if child.tag == _WORD + "p":
                self._paragraph(child)
            elif child.tag == _WORD + "tbl":
                self._in_list = False
                self._composer.paragraph("\n".join(self._rows(child)))
            elif child.tag in _WRAPPERS:
                self.walk(child)

    def _paragraph(self, paragraph: Element) -> None:
        text = _text(paragraph)
        level = self._own_level(paragraph)
        number = (
            self._numbering.next(paragraph, self._style_chain(paragraph)) if text.strip() else None
        )
        if level is not None:
            self._composer.heading(level + self._shift, f"{number or ''} {text}")
            self._in_list = False
        elif text.strip():
            marked = text if number is None else f"{number} {text}"
            self._composer.paragraph(marked, tight=self._in_list and number is not None)
            self._in_list = number is not None
        for box in _text_boxes(paragraph):
            self.walk(box)

    def _rows(self, table: Element) -> Iterator[str]:
        for row in table.iter(_WORD + "tr"):
            cells = [
                collapse_space(" ".join(_text(p) for p in cell.iter(_WORD + "p")))
                for cell in row.iterchildren(_WORD + "tc", _WORD + "sdt")
            ]
            if any(cells):
                yield " | ".join(cells)

    def _own_level(self, paragraph: Element) -> int | None:
        """Return 1 to 9 for a heading, 0 for the title of the document, None for other text."""
        outline = paragraph.find(f"{_WORD}pPr/{_WORD}outlineLvl")
        if outline is not None:
            return _level_of(outline)
        for style in self._style_chain(paragraph):
            name = style.name or ""
            matched = _HEADING_STYLE.fullmatch(name)
            if matched:
                return int(matched[1])
            if _TITLE_STYLE.fullmatch(name):
                return 0
            outline = style.element.find(f"{_WORD}pPr/{_WORD}outlineLvl")
            if outline is not None:
                return _level_of(outline)
        return None

    def _style_chain(self, paragraph: Element) -> Iterator[Any]:
        """Yield the paragraph's style and those it is based on, ``MOST_BASES`` at most."""
        reference = paragraph.find(f"{_WORD}pPr/{_WORD}pStyle")
        for _ in range(MOST_BASES):
            style = None if reference is None else self._styles.get(reference.get(_WORD + "val"))
            if style is None:
                return
            yield style
            # python-docx would look through all styles for the one of this name
            reference = style.element.find(_WORD + "basedOn")


def _level_of(outline: Element) -> int | None:
    level = int(outline.get(_WORD + "val", "9"))
    return level + 1 if level < 9 else None  # 9 is Word's "body text"


def _text(element: Element) -> str:
    """Return the text of a paragraph as it stands now, without that of its text boxes."""
    pieces: list[str] = []
    stack = list(reversed(element))
    while stack:
        node = stack.pop()
        if node.tag in _SKIPPED or node.tag == _WORD + "txbxContent":
            continue
        if node.tag == _WORD + "t":
            pieces.append(node.text or "")
        elif node.tag in _BREAKS and node.getparent().tag == _WORD + "r":
            pieces.append(_BREAKS[node.tag])
        stack.extend(reversed(node))
    return "".join(pieces)


def _text_boxes(paragraph: Element) -> Iterator[Element]:
    """Yield the text boxes in a paragraph; those within them come with their own paragraphs."""
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag == _WORD + "txbxContent":
            yield node
        elif node.tag not in _SKIPPED:
            stack.extend(reversed(node))


def _is_docx(content: Content) -> bool:
    """Know a Word file by the folder of its main part, and by its first member if it is torn."""
    if content.torn_zip:
        return b"[Content_Types].xml" in content.head
    return any(member.startswith("word/") for member in content.members)


FORMAT = Format(
    name="Word",
    suffixes=(".docx",),
    media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    read=read,
    signature=_is_docx,
    always_signed=True,
)
