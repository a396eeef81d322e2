"""PDF: open it, read its pages into lines, and put the lines back into paragraphs."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.pdf.headings import OutlineEntry, find_headings
from ragapp.documents.readers.pdf.lines import Line, drop_running_lines, page_lines
from ragapp.documents.readers.pdf.paragraphs import compose_pages
from ragapp.documents.signatures import Content, is_zip
from ragapp.errors import BrokenDocument, EmptyDocument, EncryptedDocument
from ragapp.types import Note

if TYPE_CHECKING:
    from pypdf import PdfReader

logger = logging.getLogger(__name__)

MOST_UNREADABLE = 0.3  # share of characters without a meaning; above, the text layer is useless
MOST_RUBBISH = 1024  # bytes before the mark "%PDF-"; what other readers accept


def read(data: bytes, name: str) -> Extract:
    """Return the text of a PDF with its pages and headings.

    Raises:
        BrokenDocument: the file is damaged.
        EncryptedDocument: a password other than the empty one is needed.
        EmptyDocument: the pages are pictures, or their letters cannot be told.
    """
    reader = _open(data, name)
    pages, failed = _read_pages(reader, name)
    with_text = sum(1 for page in pages if page)
    if not with_text:
        raise EmptyDocument("pdf_without_text", name=name, pages=len(pages))
    if _unreadable_share(pages) > MOST_UNREADABLE:
        raise EmptyDocument("pdf_letters_unknown", name=name)
    pages = drop_running_lines(pages)
    text, headings, spans = compose_pages(pages, find_headings(pages, _outline(reader)))
    notes = []
    if with_text < len(pages):
        notes.append(Note("pages_without_text", {"with_text": with_text, "pages": len(pages)}))
    if failed:
        notes.append(Note("pages_failed", {"numbers": ", ".join(map(str, failed))}))
    return Extract(text, headings, spans, tuple(notes))


def _errors() -> tuple[type[Exception], ...]:
    """Return what pypdf raises on damaged files: its own errors, and those of code it misleads."""
    from pypdf.errors import PyPdfError

    misled = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
    return (PyPdfError, *misled, AssertionError, RecursionError, NotImplementedError, zlib.error)


def _open(data: bytes, name: str) -> PdfReader:
    from pypdf import PasswordType, PdfReader

    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED
        if not locked:
            len(reader.pages)
    except _errors() as error:
        raise BrokenDocument("pdf_damaged", name=name, reason=str(error)) from error
    if locked:
        raise EncryptedDocument("pdf_locked", name=name)
    return reader


def _read_pages(reader: PdfReader, name: str) -> tuple[list[list[Line]], list[int]]:
    """Return the lines of every page, and the numbers of the pages that could not be read."""
    pages: list[list[Line]] = []
    failed: list[int] = []
    reason: Exception | None = None
    for number in range(1, len(reader.pages) + 1):
        try:
            pages.append(page_lines(reader.pages[number - 1]))
        except _errors() as error:
            logger.warning("%s: page %d could not be read: %s", name, number, error)
            reason = error
            failed.append(number)
            pages.append([])
    if not pages or len(failed) == len(pages):
        raise BrokenDocument("pdf_pages_unreadable", name=name) from reason
    return pages, failed


def _unreadable_share(pages: Sequence[Sequence[Line]]) -> float:
    letters = "".join(line.text for page in pages for line in page)
    unreadable = sum(
        1 for letter in letters if letter == "\ufffd" or "\ue000" <= letter <= "\uf8ff"
    )
    return unreadable / max(1, len(letters))


def _outline(reader: PdfReader) -> list[OutlineEntry]:
    """Return the bookmarks; none when they are damaged, which does not hurt the text."""
    try:
        return list(_entries(reader, reader.outline, 1))
    except _errors() as error:
        logger.info("the bookmarks of the PDF could not be read: %s", error)
        return []


def _entries(reader: PdfReader, items: list[Any], level: int) -> Iterator[OutlineEntry]:
    for item in items:
        if isinstance(item, list):
            yield from _entries(reader, item, level + 1)
            continue
        page = reader.get_destination_page_number(item)
        if page is not None and item.title:
            top = item.top
            yield OutlineEntry(
                level, str(item.title), page, float(top) if isinstance(top, (int, float)) else None
            )


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
)
