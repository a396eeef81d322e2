"""The registry of formats: those that are read, and those that people have all the same.

Everything that lists formats follows from ``FORMATS``: which reader a file gets, what its bytes
are checked against, which files of a folder are taken, the page's words and the README's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.documents import ocr
from ragapp.documents.readers import (
    Format,
    code,
    epub,
    images,
    legacy,
    notebook,
    opendocument,
    records,
    rtf,
    slides,
    subtitles,
    text,
)
from ragapp.documents.readers.archives import seven_zip, tar
from ragapp.documents.readers.archives import zip as zip_archive
from ragapp.documents.readers.docx import reader as docx
from ragapp.documents.readers.html import reader as html
from ragapp.documents.readers.mail import eml, mhtml, msg
from ragapp.documents.readers.markdown import reader as markdown
from ragapp.documents.readers.pdf import reader as pdf
from ragapp.documents.readers.sheets import separated, workbook
from ragapp.documents.signatures import OLE_MARK, Signature, begins_with, holds_stream
from ragapp.text.language import Language

# In the order in which signatures are tried: most formats of office programs are ZIP archives, too.
FORMATS: tuple[Format, ...] = (
    pdf.FORMAT,
    docx.FORMAT,
    workbook.FORMAT,
    slides.FORMAT,
    markdown.FORMAT,
    html.FORMAT,
    text.FORMAT,
    separated.FORMAT,
    opendocument.FORMAT,
    epub.FORMAT,
    rtf.FORMAT,
    eml.FORMAT,
    msg.FORMAT,
    mhtml.FORMAT,
    records.FORMAT,
    notebook.FORMAT,
    subtitles.FORMAT,
    code.FORMAT,
    images.FORMAT,
    zip_archive.FORMAT,
    tar.FORMAT,
    seven_zip.FORMAT,
)
BY_SUFFIX: dict[str, Format] = {suffix: one for one in FORMATS for suffix in one.suffixes}
SUFFIXES: tuple[str, ...] = tuple(BY_SUFFIX)


def readable_suffixes() -> frozenset[str]:
    """Return the suffixes of the formats whose packages and programs are installed."""
    there = frozenset(suffix for one in _usable() for suffix in one.suffixes)
    if legacy.program() is None:
        return there
    return there | {suffix for one in UNREAD if one.saved_anew for suffix in one.suffixes}


def _usable() -> list[Format]:
    return [one for one in FORMATS if not one.extra or ocr.is_installed()]


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind of file without a reader: how it is known, and what it can be turned into.

    All of it stands in sentences of any language, so it is made of names: ``programs`` open it
    and can save it as ``into``. Both are empty where there is no such way.
    saved_anew: how it is read where LibreOffice is installed.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: Signature | None = None
    programs: str = ""
    into: str = ""
    saved_anew: Format | None = None


IS_OLE = begins_with(OLE_MARK)
"""Of old Office files; without a stream that tells them apart, they are what they are called."""
_WRITERS = "Word / WPS / LibreOffice"
_SLIDES = "PowerPoint / WPS / LibreOffice"

UNREAD: tuple[Unread, ...] = (
    Unread("Word 97-2003", (".doc",), holds_stream("WordDocument"), _WRITERS, ".docx", legacy.WORD),
    Unread(
        "PowerPoint 97-2003",
        (".ppt",),
        holds_stream("PowerPoint Document"),
        _SLIDES,
        ".pptx",
        legacy.SLIDES,
    ),
    Unread("Office 97-2003 / WPS", (".wps",), IS_OLE, _WRITERS, ".docx"),
    Unread("Pages", (".pages",), None, "Pages", ".docx"),
    Unread("RAR", (".rar",), begins_with(b"Rar!\x1a\x07")),
    Unread("GIF", (".gif",), begins_with(b"GIF8")),
)
UNREAD_BY_SUFFIX: dict[str, Unread] = {suffix: one for one in UNREAD for suffix in one.suffixes}


def accepted_kinds(language: Language = Language.ENGLISH) -> str:
    """Name the kinds of files that are read, for people: "PDF, Word, Markdown, HTML, text"."""
    if language is Language.CHINESE:
        return "、".join(one.name_zh or one.name for one in _usable())
    return ", ".join(one.name for one in _usable())
