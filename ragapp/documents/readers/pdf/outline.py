"""What a PDF keeps beside its text: bookmarks, values of form fields, annotations. By pypdf."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers.compose import collapse_space, with_target
from ragapp.documents.readers.pdf.headings import OutlineEntry

if TYPE_CHECKING:
    from pypdf import PdfReader

logger = logging.getLogger(__name__)

MOST_ENTRIES = 20_000
"""Bookmarks, fields, annotations; more are made to keep somebody busy."""
_OFF = {"/Off", "", "Off"}
_TICKED = "✓"
_SAID = frozenset(("/Text", "/FreeText", "/Highlight", "/Underline", "/StrikeOut", "/Stamp"))


def open_with_pypdf(data: bytes) -> PdfReader | None:
    """Open a PDF for what pypdf reads of it; None where it cannot, which costs none of the text."""
    from pypdf import PasswordType, PdfReader

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            return None
    except reading_errors() as error:
        logger.info("pypdf could not open the PDF: %s", error)
        return None
    return reader


def bookmarks(reader: PdfReader) -> list[OutlineEntry]:
    """Return the bookmarks; none when they are damaged, which does not hurt the text."""
    try:
        return list(_entries(reader, reader.outline, 1))[:MOST_ENTRIES]
    except reading_errors() as error:
        logger.info("the bookmarks of the PDF could not be read: %s", error)
        return []


@dataclass(frozen=True, slots=True)
class FieldValue:
    """The value of a form field, and its box on a page, counted from 0, in points."""

    name: str
    value: str
    page: int
    box: tuple[float, float, float, float]


def field_values(reader: PdfReader) -> list[FieldValue]:
    """Return the filled form fields, page by page."""
    found: list[FieldValue] = []
    try:
        for page, content in enumerate(reader.pages):
            for entry in (content.get("/Annots") or [])[:MOST_ENTRIES]:
                widget = entry.get_object()
                value = _value(widget) if widget.get("/Subtype") == "/Widget" else ""
                if value:
                    left, bottom, right, top = (float(place) for place in widget["/Rect"])
                    box = (min(left, right), min(bottom, top), max(left, right), max(bottom, top))
                    found.append(FieldValue(collapse_space(_name(widget)), value, page, box))
    except reading_errors() as error:
        logger.info("the form fields of the PDF could not be read: %s", error)
    return found


def remarks_on(reader: PdfReader, page: int) -> list[str]:
    """Return what was noted on a page, counted from 0, and where its links lead."""
    try:
        entries = reader.pages[page].get("/Annots") or []
        return list(filter(None, (_said(one.get_object()) for one in entries[:MOST_ENTRIES])))
    except reading_errors() as error:
        logger.info("the annotations of page %d could not be read: %s", page + 1, error)
        return []


def reading_errors() -> tuple[type[Exception], ...]:
    """Return what pypdf raises on damaged files: its own errors, and those of code it misleads."""
    from pypdf.errors import PyPdfError

    misled = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
    return (PyPdfError, *misled, AssertionError, RecursionError, NotImplementedError, zlib.error)


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


def _inherited(widget: Any, key: str) -> Any:  # noqa: ANN401 - a dictionary of pypdf
    """Return an entry of a field, or of the nearest one above it that has it."""
    for _ in range(16):
        if widget is None or key in widget:
            break
        parent = widget.get("/Parent")
        widget = None if parent is None else parent.get_object()
    return None if widget is None else widget.get(key)


def _name(widget: Any) -> str:  # noqa: ANN401
    return str(_inherited(widget, "/TU") or _inherited(widget, "/T") or "")


def _value(widget: Any) -> str:  # noqa: ANN401
    kind, value = _inherited(widget, "/FT"), _inherited(widget, "/V")
    if kind == "/Sig":
        return ""
    if kind == "/Btn":  # a box or one of several buttons: its own state counts
        state = str(widget.get("/AS") or "")
        if state in _OFF:
            return ""
        shown = state.removeprefix("/")
        return _TICKED if shown.lower() in ("yes", "on", "1", "true") else f"{_TICKED} {shown}"
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(collapse_space(str(one)) for one in value)
    return collapse_space(str(value))


def _said(annotation: Any) -> str:  # noqa: ANN401
    kind = annotation.get("/Subtype")
    if kind == "/Link":
        action = annotation.get("/A")
        action = action.get_object() if action is not None else {}
        return with_target("", str(action.get("/URI", "")))
    if kind not in _SAID:
        return ""
    contents = collapse_space(str(annotation.get("/Contents") or ""))
    author = collapse_space(str(annotation.get("/T") or ""))
    return f"{author}: {contents}" if contents and author else contents
