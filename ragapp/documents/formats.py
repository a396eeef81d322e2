"""The registry of formats: those that are read, and those that people have all the same.

Everything that lists formats follows from ``FORMATS``: which reader a file gets, what its bytes
are checked against, which files of a folder are taken, the page's words and the README's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.documents.readers import Format, text
from ragapp.documents.readers.docx import reader as docx
from ragapp.documents.readers.html import reader as html
from ragapp.documents.readers.markdown import reader as markdown
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
    """A kind of file without a reader: how it is known, and what it can be turned into.

    All of it stands in sentences of any language, so it is made of names: ``programs`` open it
    and can save it as ``into``. Both are empty where there is no such way.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: Signature | None = None
    programs: str = ""
    into: str = ""


OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones with a password

_is_ole = begins_with(OLE_MARK)
_OLD_OFFICE = "Office 97-2003"
_WRITERS = "Word / WPS / LibreOffice"
_SHEETS = "Excel / WPS / LibreOffice"
_SLIDES = "PowerPoint / WPS / LibreOffice"

# In the order in which signatures are tried: an OpenDocument file is a ZIP archive, too.
UNREAD: tuple[Unread, ...] = (
    Unread(_OLD_OFFICE, (".doc",), _is_ole, _WRITERS, ".docx"),
    Unread(_OLD_OFFICE, (".xls",), _is_ole, _SHEETS, ".pdf / .txt"),
    Unread(_OLD_OFFICE, (".ppt",), _is_ole, _SLIDES, ".pdf"),
    Unread("WPS", (".wps",), _is_ole, "WPS", ".docx"),
    Unread("RTF", (".rtf",), begins_with(b"{\\rtf"), _WRITERS, ".docx"),
    Unread("Excel", (".xlsx",), holds("xl/"), _SHEETS, ".pdf / .txt"),
    Unread("PowerPoint", (".pptx",), holds("ppt/"), _SLIDES, ".pdf"),
    Unread("EPUB", (".epub",), holds("META-INF/container.xml"), "calibre", ".docx / .html"),
    Unread(
        "OpenDocument",
        (".odt",),
        lambda content: "mimetype" in content.members,
        "LibreOffice",
        ".docx",
    ),
    Unread("Pages", (".pages",), None, "Pages", ".docx"),
    Unread("ZIP", (".zip",), is_zip),
    Unread("gzip", (".gz",), begins_with(b"\x1f\x8b\x08")),
    Unread("7z", (".7z",), begins_with(b"7z\xbc\xaf\x27\x1c")),
    Unread("RAR", (".rar",), begins_with(b"Rar!\x1a\x07")),
    Unread("PNG", (".png",), begins_with(b"\x89PNG\r\n\x1a\n")),
    Unread("JPEG", (".jpg", ".jpeg"), begins_with(b"\xff\xd8\xff")),
    Unread("GIF", (".gif",), begins_with(b"GIF8")),
    Unread("TIFF", (".tiff", ".tif"), begins_with(b"II*\0", b"MM\0*")),
)
UNREAD_BY_SUFFIX: dict[str, Unread] = {suffix: one for one in UNREAD for suffix in one.suffixes}


def accepted_kinds(language: Language = Language.ENGLISH) -> str:
    """Name the kinds of files that are read, for people: "PDF, Word, Markdown, HTML, text"."""
    if language is Language.CHINESE:
        return "、".join(one.name_zh or one.name for one in FORMATS)
    return ", ".join(one.name for one in FORMATS)
