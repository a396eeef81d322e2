"""The registry of formats: those that are read, and those that people have all the same.

Everything that lists formats follows from ``FORMATS``: which reader a file gets, what its bytes
are checked against, which files of a folder are taken, the page's words and the README's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.documents.readers import Format, markdown, text
from ragapp.documents.readers.docx import reader as docx
from ragapp.documents.readers.html import reader as html
from ragapp.documents.readers.pdf import reader as pdf
from ragapp.documents.signatures import Signature, begins_with, holds, is_zip
from ragapp.text.language import Language

FORMATS: tuple[Format, ...] = (
    pdf.FORMAT,
    docx.FORMAT,
    markdown.FORMAT,
    html.FORMAT,
    text.FORMAT,
)
BY_SUFFIX: dict[str, Format] = {suffix: one for one in FORMATS for suffix in one.suffixes}
SUFFIXES: tuple[str, ...] = tuple(BY_SUFFIX)


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind of file without a reader: how it is known, and what it can be turned into."""

    suffixes: tuple[str, ...]
    title: str
    signature: Signature | None = None
    advice: str = ""


OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones with a password

_TO_DOCX = "Open it in Word, WPS or LibreOffice and save it as .docx."
_SHEETS = "Export it as .pdf, or the sheets as .txt."
_PICTURE = "a picture"

# In the order in which signatures are tried: an OpenDocument file is a ZIP archive, too.
UNREAD: tuple[Unread, ...] = (
    Unread(
        (".doc",),
        "an old Office file (.doc, .xls or .ppt)",
        begins_with(OLE_MARK),
        _TO_DOCX,
    ),
    Unread((".wps",), "a WPS document", advice="Open it in WPS and save it as .docx."),
    Unread((".rtf",), "an RTF document", begins_with(b"{\\rtf"), _TO_DOCX),
    Unread((".xlsx",), "an Excel workbook", holds("xl/"), _SHEETS),
    Unread((".xls",), "an old Excel workbook", advice=_SHEETS),
    Unread((".pptx",), "a PowerPoint presentation", holds("ppt/"), "Export it as .pdf."),
    Unread((".ppt",), "an old PowerPoint presentation", advice="Export it as .pdf."),
    Unread(
        (".epub",),
        "an EPUB book",
        holds("META-INF/container.xml"),
        "Convert it to .html or .docx.",
    ),
    Unread(
        (".odt",),
        "an OpenDocument file",
        lambda content: "mimetype" in content.members,
        "Open it in LibreOffice and save it as .docx.",
    ),
    Unread((".pages",), "a Pages document", advice="Open it in Pages and export it as .docx."),
    Unread((".zip",), "a ZIP archive", is_zip),
    Unread((".gz",), "a gzip archive", begins_with(b"\x1f\x8b\x08")),
    Unread((".7z",), "a 7z archive", begins_with(b"7z\xbc\xaf\x27\x1c")),
    Unread((".rar",), "a RAR archive", begins_with(b"Rar!\x1a\x07")),
    Unread((".png",), _PICTURE, begins_with(b"\x89PNG\r\n\x1a\n")),
    Unread((".jpg", ".jpeg"), _PICTURE, begins_with(b"\xff\xd8\xff")),
    Unread((".gif",), _PICTURE, begins_with(b"GIF8")),
    Unread((".tiff", ".tif"), _PICTURE, begins_with(b"II*\0", b"MM\0*")),
)
UNREAD_BY_SUFFIX: dict[str, Unread] = {suffix: one for one in UNREAD for suffix in one.suffixes}


def accepted_kinds(language: Language = Language.ENGLISH) -> str:
    """Name the kinds of files that are read, for people: "PDF, Word, Markdown, HTML, text"."""
    if language is Language.CHINESE:
        return "、".join(one.name_zh or one.name for one in FORMATS)
    return ", ".join(one.name for one in FORMATS)
