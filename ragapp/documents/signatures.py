"""What the bytes of a file give away about its kind: the marks that formats begin with."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 4096
"""Where marks are sought; comments may stand before a web page's first tag."""
TAIL_BYTES = 2048

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class Content:
    """A file as a signature sees it: all of it, and the names of the members if it is a ZIP."""

    data: bytes
    members: tuple[str, ...] = ()
    torn_zip: bool = False  # begins like a ZIP archive and has no directory

    @property
    def head(self) -> bytes:
        """The first ``HEAD_BYTES``."""
        return self.data[:HEAD_BYTES]

    @property
    def tail(self) -> bytes:
        """The last ``TAIL_BYTES``."""
        return self.data[-TAIL_BYTES:]


Signature = Callable[[Content], bool]
"""Says whether the content is of one kind."""


def look_at(data: bytes) -> Content:
    """Return what signatures need to know of a file's bytes."""
    if not data.startswith(_ZIP):
        return Content(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return Content(data, tuple(archive.namelist()))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return Content(data, torn_zip=True)


def begins_with(*marks: bytes) -> Signature:
    """Know a kind by its first bytes."""
    return lambda content: content.data.startswith(marks)


OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones with a password


def holds_stream(*names: str) -> Signature:
    """Know a kind of OLE file (old Office, Outlook) by a stream in it."""
    marks = tuple(name.encode("utf-16-le") + b"\0\0" for name in names)
    return lambda content: (
        content.data.startswith(OLE_MARK) and any(mark in content.data for mark in marks)
    )


def is_open_xml(folder: str) -> Signature:
    """Know a kind of Office file by the folder of its main part."""
    return lambda content: (
        "[Content_Types].xml" in content.members
        and any(member.startswith(folder) for member in content.members)
    )


def holds(*prefixes: str) -> Signature:
    """Know a kind of ZIP archive by a member or a folder in it."""
    return lambda content: any(member.startswith(prefixes) for member in content.members)


def is_zip(content: Content) -> bool:
    """Know any ZIP archive."""
    return content.data.startswith(_ZIP)
