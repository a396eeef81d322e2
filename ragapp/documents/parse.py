"""One file → one Document: look at the bytes, choose the reader, or say what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ragapp.documents.readers import Extract, docx, html, markdown, pdf, text
from ragapp.documents.sniff import TITLES, is_encrypted_office, sniff
from ragapp.errors import (
    BrokenDocument,
    EmptyDocument,
    EncryptedDocument,
    MisnamedDocument,
    UnsupportedFormat,
)
from ragapp.text.decode import decode
from ragapp.types import Document

LARGEST_FILE = 512 * 1024 * 1024  # bytes; a reader needs several times the file's size in memory


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: its usual suffix, its media type, and its reader."""

    suffix: str
    media_type: str
    read: Callable[[bytes, str], Extract]


PDF = Format(".pdf", "application/pdf", pdf.read)
MARKDOWN = Format(".md", "text/markdown", markdown.read)
TEXT = Format(".txt", "text/plain", text.read)
HTML = Format(".html", "text/html", html.read)
DOCX = Format(
    ".docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    docx.read,
)

READERS: dict[str, Format] = {
    ".pdf": PDF,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".txt": TEXT,
    ".text": TEXT,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".docx": DOCX,
}
SUFFIXES = tuple(READERS)

# What to do with the formats people have but no reader knows.
CONVERSIONS = {
    ".doc": "Open it in Word, WPS or LibreOffice and save it as .docx.",
    ".wps": "Open it in WPS and save it as .docx.",
    ".rtf": "Open it in Word, WPS or LibreOffice and save it as .docx.",
    ".odt": "Open it in LibreOffice and save it as .docx.",
    ".pages": "Open it in Pages and export it as .docx or .pdf.",
    ".ppt": "Export it as .pdf.",
    ".pptx": "Export it as .pdf.",
    ".xls": "Export it as .pdf, or the sheets as .txt.",
    ".xlsx": "Export it as .pdf, or the sheets as .txt.",
    ".epub": "Convert it to .html or .docx.",
}


def parse_file(path: Path, name: str | None = None) -> Document:
    """Read one file; ``name`` is what to call it when that differs from the path's last part.

    Raises:
        UnsupportedFormat: no reader knows the suffix.
        MisnamedDocument: the content is of another kind than the suffix says.
        EncryptedDocument: a password is needed.
        BrokenDocument: missing, unreadable, damaged, or not text.
        EmptyDocument: no text in it.
    """
    name = name or path.name or str(path)
    data = _read_bytes(path, name)
    chosen = _choose_format(data, name)
    if not data.strip(b"\0 \t\r\n"):
        raise EmptyDocument(name, "the file is empty", "Check that it was copied whole.")
    extract = chosen.read(data, name)
    if not extract.text.strip():
        raise EmptyDocument(name, "there is no text in it", "Check that it is the right file.")
    return Document(
        name=name,
        path=str(path.absolute()),
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=chosen.media_type,
        text=extract.text,
        pages=extract.pages,
        headings=extract.headings,
        notes=extract.notes,
    )


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        if not path.exists():
            raise BrokenDocument(name, f"no such file: {path}", "Check the path.")
        if path.is_dir():
            next(path.iterdir(), None)  # says "permission denied" if that is why we were given it
            raise BrokenDocument(name, "this is a folder, not a file", "Name a file.")
        if not path.is_file():
            raise BrokenDocument(name, "this is a device or a pipe, not a file", "Name a file.")
        if path.stat().st_size > LARGEST_FILE:
            raise UnsupportedFormat(
                name, f"it is larger than {LARGEST_FILE >> 20} MiB", "Split it into parts."
            )
        return path.read_bytes()
    except OSError as error:
        raise BrokenDocument(
            name, f"it cannot be opened: {error.strerror}", "Check its permissions and the disk."
        ) from error


def _choose_format(data: bytes, name: str) -> Format:
    """Return the format that ``name``'s suffix stands for, having made sure the content agrees."""
    suffix = Path(name).suffix.lower()
    expected = READERS.get(suffix)
    content = sniff(data)
    if content == ".doc" and is_encrypted_office(data):
        raise EncryptedDocument(
            name, "it is locked with a password", "Open it, remove the password, and save it again."
        )
    if content and content not in READERS:
        _refuse(name, suffix, content)
    actual = READERS.get(content)
    if actual is expected and expected is not None:
        return expected
    if actual is not None and not (actual is HTML and expected is MARKDOWN):
        raise MisnamedDocument(
            name,
            f"the content is {TITLES[content]}",
            f"Rename it so that it ends in {content}.",
        )
    if expected is None:
        _refuse(name, suffix, suffix)
    elif expected in (PDF, DOCX) and data.strip():
        _explain_missing_signature(data, name, expected)
    return expected


def _refuse(name: str, suffix: str, actual: str) -> NoReturn:
    """Say that no reader knows ``actual``, and what to turn it into."""
    fix = CONVERSIONS.get(actual, f"Supported: {', '.join(SUFFIXES)}.")
    if suffix in READERS:
        raise MisnamedDocument(name, f"the content is {TITLES[actual]}", fix)
    why = f"there is no reader for {actual}" if actual else "its name has no suffix"
    raise UnsupportedFormat(name, why, fix)


def _explain_missing_signature(data: bytes, name: str, expected: Format) -> NoReturn:
    """Say what a .pdf or .docx is that does not begin like one: text, or damaged."""
    try:
        decode(data, name)
    except BrokenDocument as error:
        raise BrokenDocument(
            name,
            f"it does not begin like {TITLES[expected.suffix]}: damaged or cut short",
            "Fetch the file again.",
        ) from error
    raise MisnamedDocument(
        name, "the content is plain text", "Rename it so that it ends in .txt or .md."
    )
