"""PDF: open it, read its pages into lines, and put the lines back into paragraphs."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ragapp.documents import ocr
from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.pdf import outline
from ragapp.documents.readers.pdf.headings import find_headings
from ragapp.documents.readers.pdf.layout import Grid, reading_order
from ragapp.documents.readers.pdf.letters import MOST_UNREADABLE, mended, unreadable_share
from ragapp.documents.readers.pdf.lines import Line, pieces_of
from ragapp.documents.readers.pdf.outline import FieldValue
from ragapp.documents.readers.pdf.paragraphs import compose_pages
from ragapp.documents.readers.pdf.records import as_records
from ragapp.documents.readers.pdf.running import drop_running_lines
from ragapp.documents.readers.pdf.unshown import has_text_objects, unshown_words
from ragapp.documents.readers.pdf.words import Turn, Word, page_words, turned
from ragapp.documents.signatures import Content, is_zip
from ragapp.errors import BrokenDocument, EmptyDocument, EncryptedDocument, UnsupportedFormat
from ragapp.types import Note

if TYPE_CHECKING:
    from pypdf import PdfReader
    from pypdfium2 import PdfDocument

logger = logging.getLogger(__name__)

MOST_RUBBISH = 1024  # bytes before the mark "%PDF-"; what other readers accept
MOST_DRAWN = 4000
"""Objects of a page among which lines of tables are sought; more are a drawing."""
OCR_DOTS = 200 / 72  # pixels a point: 200 an inch
LONGEST_SIDE = 4000  # pixels of a page's picture
THIN = 2.5  # points; a line of a table is no thicker
_PASSWORD = 4  # FPDF_ERR_PASSWORD


def read(data: bytes, name: str) -> Extract:
    """Return the text of a PDF with its pages, headings and tables.

    Raises:
        BrokenDocument: the file is damaged.
        EncryptedDocument: a password other than the empty one is needed.
        EmptyDocument: the pages are pictures, or their letters cannot be told.
    """
    return _read(data, name, with_ocr=False)


def read_with_ocr(data: bytes, name: str) -> Extract:
    """Return the text of a PDF as ``read`` does, that of pictures of pages, too.

    Raises:
        UnsupportedFormat: the packages for OCR are not installed.
    """
    if not ocr.is_installed():
        raise UnsupportedFormat("ocr_not_installed", name=name)
    return _read(data, name, with_ocr=True)


def _read(data: bytes, name: str, *, with_ocr: bool) -> Extract:
    document = _open(data, name)
    try:
        beside = outline.open_with_pypdf(data) if document.get_formtype() else None
        fields = outline.field_values(beside) if beside else []
        read_pages = _read_pages(document, name, data, fields, with_ocr=with_ocr)
        has_marks = any(True for _ in document.get_toc(max_depth=1))
    finally:
        document.close()
    pages = [page.lines for page in read_pages]
    noted = [number for number, page in enumerate(read_pages) if page.noted]
    unreadable = [number for number, page in enumerate(read_pages, 1) if page.unreadable]
    failed = [number for number, page in enumerate(read_pages, 1) if page.failed]
    beside = beside or (outline.open_with_pypdf(data) if has_marks or noted else None)
    marks = outline.bookmarks(beside) if beside and has_marks else []
    remarks = {page: outline.remarks_on(beside, page) for page in noted} if beside else {}
    said = {page: _new(texts, pages[page]) for page, texts in remarks.items()}
    with_text = sum(1 for number, page in enumerate(pages) if page or said.get(number))
    if unreadable and len(unreadable) * 2 > with_text:
        raise EmptyDocument("pdf_letters_unknown", name=name)
    if not with_text:
        raise EmptyDocument("pdf_without_text", name=name, pages=len(pages))
    pages = as_records(drop_running_lines(pages, [page.reach for page in read_pages]))
    extract = compose_pages(pages, find_headings(pages, marks), said)
    notes = _notes(len(pages), with_text + len(unreadable) + len(failed), failed, unreadable)
    recognised = sum(page.recognised for page in read_pages)
    if recognised:
        notes = (Note("pages_recognised", {"count": recognised}), *notes)
    if with_ocr:  # what it did not find is not there
        notes = tuple(
            Note("pages_blank", note.values) if note.code == "pages_without_text" else note
            for note in notes
        )
    return replace(extract, notes=notes)


def _notes(
    pages: int, with_text: int, failed: Sequence[int], unreadable: Sequence[int]
) -> tuple[Note, ...]:
    notes = []
    if with_text < pages:
        without = pages - with_text
        notes.append(Note("pages_without_text", {"without": without, "pages": pages}))
    if failed:
        notes.append(Note("pages_failed", {"numbers": _numbers(failed)}))
    if unreadable:
        notes.append(Note("pages_with_unknown_letters", {"numbers": _numbers(unreadable)}))
    return tuple(notes)


def _numbers(pages: Sequence[int]) -> str:
    shown = ", ".join(map(str, pages[:20]))
    return f"{shown} …" if len(pages) > 20 else shown


def _new(texts: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """Return what the page does not say already, each once."""
    printed = "".join("".join(line.text.split()) for line in lines)
    return [text for text in dict.fromkeys(texts) if "".join(text.split()) not in printed]


def _open(data: bytes, name: str) -> PdfDocument:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            raise BrokenDocument("pdf_pages_unreadable", name=name)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", 0) == _PASSWORD:
            raise EncryptedDocument("pdf_locked", name=name) from error
        raise BrokenDocument("pdf_damaged", name=name, reason=str(error)) from error
    return document


@dataclass(frozen=True, slots=True)
class _PageRead:
    """A page: its lines, how far it reaches down and up, and what is odd about it."""

    lines: list[Line]
    reach: tuple[float, float] = (0.0, 0.0)
    noted: bool = False
    unreadable: bool = False
    failed: bool = False
    recognised: bool = False


def _read_pages(
    document: PdfDocument,
    name: str,
    data: bytes,
    fields: Sequence[FieldValue],
    *,
    with_ocr: bool,
) -> list[_PageRead]:
    import pypdfium2

    pages: list[_PageRead] = []
    beside: PdfReader | None = None
    for number in range(len(document)):
        try:
            page = document[number]
            try:
                words, turn = page_words(page)
                if not words and has_text_objects(page):
                    beside = beside or outline.open_with_pypdf(data)
                    words, turn = turned(unshown_words(beside, number) if beside else [])
                read_page = _read_page(
                    page, words, turn, [one for one in fields if one.page == number]
                )
                if with_ocr and (read_page.unreadable or not read_page.lines):
                    read_page = _recognised(page, read_page)
                pages.append(read_page)
            finally:
                page.close()
        except pypdfium2.PdfiumError as error:
            logger.warning("%s: page %d could not be read: %s", name, number + 1, error)
            pages.append(_PageRead([], failed=True))
    if all(page.failed for page in pages):
        raise BrokenDocument("pdf_pages_unreadable", name=name)
    return pages


def _read_page(
    page: Any,  # noqa: ANN401
    words: list[Word],
    turn: Turn,
    fields: Sequence[FieldValue],
) -> _PageRead:
    import pypdfium2.raw as pdfium

    words = mended(words)
    reach = turn.reach(page.get_bbox())
    noted = pdfium.FPDFPage_GetAnnotCount(page.raw) > 0
    if unreadable_share(words) > MOST_UNREADABLE:
        return _PageRead([], reach, noted, unreadable=True)
    return _PageRead(reading_order(_filled_in(pieces_of(words), fields), _grid(page)), reach, noted)


def _recognised(page: Any, otherwise: _PageRead) -> _PageRead:  # noqa: ANN401
    """Read a page from its picture; ``otherwise``: what it is where there is nothing to read."""
    wide, high = page.get_size()
    dots = min(OCR_DOTS, LONGEST_SIDE / max(wide, high, 1.0))
    picture = page.render(scale=dots, rev_byteorder=True, maybe_alpha=False).to_numpy()
    lines = reading_order(ocr.recognise(picture[:, :, :3], 1 / dots), Grid())
    if not lines:
        return otherwise
    return _PageRead(lines, (0.0, high), otherwise.noted, recognised=True)


def _filled_in(pieces: list[Line], fields: Sequence[FieldValue]) -> list[Line]:
    """Put the values of a form where its fields are; one without words before it says its name."""
    filled = list(pieces)
    for field in fields:
        left, bottom, right, top = field.box
        size = max(4.0, min(11.0, 0.7 * (top - bottom)))
        y = (bottom + top) / 2 - size / 2 if top - bottom < 40 else top - 1.3 * size
        beside = any(abs(one.y - y) < 0.7 * size and one.x < left for one in pieces)
        text = field.value if beside or not field.name else f"{field.name}: {field.value}"
        filled.append(Line(text, left, y, size, max(right, left + 1)))
    return filled


def _grid(page: Any) -> Grid:  # noqa: ANN401 - pypdfium2 has no types
    """Return the thin lines that are drawn on a page, and the edges of its boxes."""
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFPage_CountObjects(page.raw)
    if count > MOST_DRAWN:
        return Grid()
    level: list[tuple[float, float, float]] = []
    upright: list[tuple[float, float, float]] = []
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    places = [ctypes.byref(one) for one in (left, bottom, right, top)]
    for index in range(count):
        drawn = pdfium.FPDFPage_GetObject(page.raw, index)
        if pdfium.FPDFPageObj_GetType(drawn) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if not pdfium.FPDFPageObj_GetBounds(drawn, *places):
            continue
        wide, high = right.value - left.value, top.value - bottom.value
        if high <= THIN or wide > THIN:
            level += [(y, left.value, right.value) for y in {bottom.value, top.value}]
        if wide <= THIN or high > THIN:
            upright += [(x, bottom.value, top.value) for x in {left.value, right.value}]
    return Grid(tuple(level), tuple(upright))


def _is_pdf(content: Content) -> bool:
    """Know a PDF by its mark, which programs write and readers accept after some rubbish, too."""
    if content.data.startswith(b"%PDF-"):
        return True
    rubbish_before = b"\n%PDF-" in content.data[:MOST_RUBBISH] and b"%%EOF" in content.tail
    return rubbish_before and not is_zip(content)


FORMAT = Format(
    name="PDF",
    suffixes=(".pdf",),
    media_type="application/pdf",
    read=read,
    signature=_is_pdf,
    always_signed=True,
    read_with_ocr=read_with_ocr,
)
