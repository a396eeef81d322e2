"""Word documents: paragraphs, headings, lists, tables and text boxes in the order of the body."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.docx.beside import Beside, links_of
from ragapp.documents.readers.docx.names import W, is_skipped
from ragapp.documents.readers.docx.numbering import Numbering
from ragapp.documents.readers.docx.runs import Paragraph, Runs
from ragapp.documents.readers.docx.tables import cells_of, header_rows, rows_of, table_rows
from ragapp.documents.signatures import Content
from ragapp.errors import BrokenDocument

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

MOST_BASES = 16  # styles a style may rest on; Word itself stops at about ten

_HEADING_STYLE = re.compile(r"(?:heading|标题|標題|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(r"title|标题|標題", re.IGNORECASE)
# Wrappers around paragraphs and tables: content controls, tracked insertions, custom XML.
_WRAPPERS = frozenset(W + tag for tag in ("sdt", "sdtContent", "ins", "customXml", "moveTo"))

# Main parts of templates and of documents with macros, which are the same to a reader.
_OTHER_MAIN_PARTS = (
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
)


def read(data: bytes, name: str) -> Extract:
    """Return the text of a DOCX file.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: its parts are locked.
    """
    check_archive(data, name)
    document = _open(data, name)
    composer = Composer()
    try:
        beside = Beside(document)
        _Body(composer, document, beside).walk(document.element.body)
        for text in beside.running_texts():
            composer.paragraph(text)
    except (SyntaxError, LookupError, ValueError, AttributeError, TypeError) as error:
        raise BrokenDocument("word_damaged", name=name, reason=str(error)) from error
    return composer.extract()


def _open(data: bytes, name: str) -> DocxDocument:
    from docx.opc.part import PartFactory
    from docx.package import Package
    from docx.parts.document import DocumentPart

    PartFactory.part_type_for.update(dict.fromkeys(_OTHER_MAIN_PARTS, DocumentPart))
    try:
        part = Package.open(io.BytesIO(data)).main_document_part
        if not isinstance(part, DocumentPart):
            raise ValueError(f"its main part is {part.content_type}")
        return part.document
    except Exception as error:  # python-docx trusts what a package says of itself
        raise BrokenDocument("word_damaged", name=name, reason=str(error)) from error


class _Body:
    """Walks the body's XML, because python-docx leaves out tracked insertions and controls."""

    def __init__(self, composer: Composer, document: DocxDocument, beside: Beside) -> None:
        self._composer = composer
        self._beside = beside
        self._runs = Runs(links_of(document.part))
        self._styles = {style.style_id: style for style in document.styles}
        self._numbering = Numbering(document)
        # a title stands above the headings of level 1
        self._shift = int(any(self._own_level(p) == 0 for p in document.element.body.iter(W + "p")))
        self._in_list = False
        self._merged = ""  # text of paragraphs whose end was deleted in review
        self._noted: set[tuple[str, str]] = set()  # notes that have been written

    def walk(self, parent: Element) -> None:
        """Go through a body in order, without recursion."""
        stack = list(reversed(parent))
        while stack:
            node = stack.pop()
            if node.tag == W + "p":
                self._paragraph(node)
                for box in reversed(list(_text_boxes(node))):
                    stack += reversed(box)
            elif node.tag == W + "tbl":
                self._end_merged()
                self._in_list = False
                rows = rows_of(node)
                if all(len(cells_of(row)) == 1 for row in rows):  # a frame around text
                    for row in reversed(rows):
                        stack += reversed(cells_of(row)[0])
                else:
                    self._table(node)
            elif node.tag in _WRAPPERS:
                stack += reversed(node)
        self._end_merged()

    def _end_merged(self) -> None:
        """Write what no paragraph followed that it could have gone on in."""
        self._composer.paragraph(self._merged)
        self._merged = ""

    def _paragraph(self, element: Element) -> None:
        read = self._runs.read(element)
        text, self._merged = self._merged + read.text, ""
        if element.find(f"{W}pPr/{W}rPr/{W}del") is not None:  # goes on in the next one
            self._merged = text
            text = ""
        level = self._own_level(element)
        number = self._numbering.next(element, self._style_chain(element)) if text.strip() else None
        if level is not None:
            self._composer.heading(level + self._shift, f"{number or ''} {text}")
            self._in_list = False
        elif text.strip():
            marked = text if number is None else f"{number} {text}"
            self._composer.paragraph(marked, tight=self._in_list and number is not None)
            self._in_list = number is not None
        self._said_beside(read)

    def _table(self, table: Element) -> None:
        met: list[Paragraph] = []

        def text_of(element: Element) -> str:
            met.append(self._runs.read(element))
            return met[-1].text

        self._composer.table(list(table_rows(table, text_of)), header_rows(table))
        for read in met:
            self._said_beside(read)
        for box in _text_boxes(table):
            self.walk(box)

    def _said_beside(self, read: Paragraph) -> None:
        """Write the notes and comments of what was just written."""
        for note in read.notes:
            if note in self._noted:
                continue
            self._noted.add(note)
            text, comments = self._beside.note(note)
            if text:
                self._composer.paragraph(f"[{self._runs.number_of(note)}] {text}")
            self._comments(comments)
        self._comments(read.comments)

    def _comments(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._composer.paragraph(self._beside.comment(key))

    def _own_level(self, paragraph: Element) -> int | None:
        """Return 1 to 9 for a heading, 0 for the title of the document, None for other text."""
        outline = paragraph.find(f"{W}pPr/{W}outlineLvl")
        if outline is not None:
            return _level_of(outline)
        for style in self._style_chain(paragraph):
            name = style.name or ""
            matched = _HEADING_STYLE.fullmatch(name)
            if matched:
                return int(matched[1])
            if _TITLE_STYLE.fullmatch(name):
                return 0
            outline = style.element.find(f"{W}pPr/{W}outlineLvl")
            if outline is not None:
                return _level_of(outline)
        return None

    def _style_chain(self, paragraph: Element) -> Iterator[Any]:
        """Yield the paragraph's style and those it is based on, ``MOST_BASES`` at most."""
        reference = paragraph.find(f"{W}pPr/{W}pStyle")
        for _ in range(MOST_BASES):
            style = None if reference is None else self._styles.get(reference.get(W + "val"))
            if style is None:
                return
            yield style
            # python-docx would look through all styles for the one of this name
            reference = style.element.find(W + "basedOn")


def _level_of(outline: Element) -> int | None:
    level = int(outline.get(W + "val", "9"))
    return level + 1 if level < 9 else None  # 9 is Word's "body text"


def _text_boxes(paragraph: Element) -> Iterator[Element]:
    """Yield the text boxes in a paragraph or a table; those within them come with their own."""
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag == W + "txbxContent":
            yield node
        elif not is_skipped(node):
            stack.extend(reversed(node))


def _is_docx(content: Content) -> bool:
    """Know a Word file by the folder of its main part, and by its first member if it is torn."""
    if content.torn_zip:
        return b"[Content_Types].xml" in content.head
    return any(member.startswith("word/") for member in content.members)


FORMAT = Format(
    name="Word",
    suffixes=(".docx", ".docm", ".dotx", ".dotm"),
    media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    read=read,
    signature=_is_docx,
    always_signed=True,
)
