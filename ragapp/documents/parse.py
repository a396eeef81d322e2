"""One file → one Document: look at the bytes, choose the reader, or say what is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from ragapp.documents.formats import BY_SUFFIX, IS_OLE, SUFFIXES, UNREAD_BY_SUFFIX, Unread
from ragapp.documents.readers import Extract, Format, legacy
from ragapp.documents.readers.html import reader as html
from ragapp.documents.readers.markdown import reader as markdown
from ragapp.documents.sniff import is_encrypted_office, sniff
from ragapp.errors import (
    BrokenDocument,
    DocumentError,
    DocumentTooCostly,
    EmptyDocument,
    EncryptedDocument,
    MisnamedDocument,
    UnsupportedFormat,
)
from ragapp.text.decode import decode
from ragapp.text.encodable import as_text, is_text
from ragapp.types import Document

logger = logging.getLogger(__name__)

LARGEST_FILE = 512 * 1024 * 1024  # bytes; a reader needs several times the file's size in memory


def parse_file(path: Path, name: str | None = None, *, with_ocr: bool = False) -> Document:
    """Read one file in this process; ``name`` is what to call it if not by the path's last part.

    with_ocr: read the pictures of pages, too.

    Files of strangers go through ``workers.pool.ParserPool``, which calls this under limits.

    Raises:
        UnsupportedFormat: no reader knows the suffix.
        MisnamedDocument: the content is of another kind than the suffix says.
        EncryptedDocument: a password is needed.
        BrokenDocument: missing, unreadable, damaged, not text, or its reader failed; or its name
            is in an encoding that is not the system's.
        EmptyDocument: no text in it.
        DocumentTooCostly: the memory did not suffice.
    """
    name = name or path.name or str(path)
    if not is_text(f"{path.absolute()}{name}"):
        raise BrokenDocument("name_not_text", name=as_text(name))
    data, modified_ns = _read_bytes(path, name)
    with _failures_are_of(name):
        chosen = choose_format(data, name)
    if not data.strip(b"\0 \t\r\n"):
        raise EmptyDocument("file_empty", name=name)
    sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    extract = run_reader(chosen, data, name, with_ocr=with_ocr)
    del data  # it may be large, and the text has yet to be handed on
    if not extract.text.strip():
        raise EmptyDocument("file_without_text", name=name)
    return Document(
        name=name,
        path=str(path.absolute()),
        sha256=sha256,
        media_type=chosen.media_type,
        text=extract.text,
        pages=extract.pages,
        headings=extract.headings,
        notes=extract.notes,
        blocks=extract.blocks,
        size=size,
        modified_ns=modified_ns,
    )


def run_reader(chosen: Format, data: bytes, name: str, *, with_ocr: bool = False) -> Extract:
    """Run a reader; whatever it did not foresee becomes this file's error."""
    read = chosen.read_with_ocr if with_ocr and chosen.read_with_ocr else chosen.read
    with _failures_are_of(name, chosen.suffix):
        return read(data, name)


@contextlib.contextmanager
def _failures_are_of(name: str, kind: str = "") -> Iterator[None]:
    """Turn what nobody foresaw into an error of the file ``name``, never of the whole run.

    kind: the suffix of the format it is read as, empty while that is being found out.
    """
    try:
        yield
    except DocumentError:
        raise
    except MemoryError as error:
        raise DocumentTooCostly("reading_needs_memory", name=name) from error
    except Exception as error:
        logger.exception("%s could not be read", name)
        raise BrokenDocument(
            "reader_failed" if kind else "kind_not_found_out",
            name=name,
            kind=kind,
            error=f"{type(error).__name__}: {error}",
        ) from error


def _read_bytes(path: Path, name: str) -> tuple[bytes, int]:
    """Return what a file holds, and when it was last modified, in nanoseconds."""
    try:
        if not path.exists():
            raise BrokenDocument("file_missing", name=name, path=path)
        if path.is_dir():
            next(path.iterdir(), None)  # says "permission denied" if that is why we were given it
            raise BrokenDocument("folder_instead_of_file", name=name)
        if not path.is_file():
            raise _not_a_file(name)
        # It may become a pipe after this, or grow: opening must not wait, reading must end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _O_BINARY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _not_a_file(name)
            if status.st_size > LARGEST_FILE:
                raise UnsupportedFormat("file_too_large", name=name, mib=LARGEST_FILE >> 20)
            return file.read(status.st_size), status.st_mtime_ns
    except OSError as error:
        raise BrokenDocument("file_cannot_be_opened", name=name, reason=error.strerror) from error


_O_BINARY = getattr(os, "O_BINARY", 0)  # of Windows


def _not_a_file(name: str) -> BrokenDocument:
    return BrokenDocument("device_instead_of_file", name=name)


def choose_format(data: bytes, name: str) -> Format:
    """Return the format that ``name``'s suffix stands for, having made sure the content agrees."""
    suffix = Path(name).suffix.lower()
    expected = BY_SUFFIX.get(suffix)
    actual = sniff(data)
    if isinstance(actual, Unread):
        if is_encrypted_office(data):
            raise EncryptedDocument("office_file_locked", name=name)
        if actual.saved_anew and suffix in actual.suffixes and legacy.program():
            return actual.saved_anew
        _refuse(name, suffix, actual)
    if actual is expected and expected is not None:
        return expected
    # Markdown may begin with a tag.
    if actual is not None and not (actual is html.FORMAT and expected is markdown.FORMAT):
        raise MisnamedDocument(
            "suffix_of_other_format", name=name, format=actual.name, suffix=actual.suffix
        )
    if expected is None:
        _refuse(name, suffix, None)
    if expected.always_signed and data.strip():
        _explain_missing_signature(data, name, expected)
    return expected


def _refuse(name: str, suffix: str, actual: Unread | None) -> NoReturn:
    """Say that no reader knows the content, and what to turn it into."""
    named = UNREAD_BY_SUFFIX.get(suffix)
    if named is not None and (actual is None or actual.signature in (named.signature, IS_OLE)):
        actual = named
    supported = ", ".join(SUFFIXES)
    if actual is None:
        raise UnsupportedFormat(
            "suffix_unknown" if suffix else "suffix_missing",
            name=name,
            suffix=suffix,
            supported=supported,
        )
    if suffix in BY_SUFFIX:
        raise MisnamedDocument(
            "content_to_be_saved_anew" if actual.into else "content_without_reader",
            name=name,
            format=actual.name,
            programs=actual.programs,
            into=actual.into,
            supported=supported,
        )
    raise UnsupportedFormat(
        "suffix_to_be_saved_anew" if actual.into else "suffix_unknown",
        name=name,
        suffix=suffix if suffix in actual.suffixes else actual.suffixes[0],
        programs=actual.programs,
        into=actual.into,
        supported=supported,
    )


def _explain_missing_signature(data: bytes, name: str, expected: Format) -> NoReturn:
    """Say what a .pdf or .docx is that does not begin like one: text, or damaged."""
    try:
        decode(data, name)
    except BrokenDocument as error:
        raise BrokenDocument("beginning_damaged", name=name, format=expected.name) from error
    raise MisnamedDocument("content_is_plain_text", name=name)
