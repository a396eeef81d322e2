"""The members of an archive → one text; what is not read is named, what would bloat is refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import IO

from ragapp.documents.members import Unreadable, include_member
from ragapp.documents.readers import Extract
from ragapp.documents.readers.archive import LARGEST_UNPACKED
from ragapp.documents.readers.compose import Composer
from ragapp.errors import BrokenDocument, DocumentTooCostly

MOST_MEMBERS = 10_000
READ_BYTES = 1 << 20
# What systems put into archives for themselves.
_SYSTEM = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


class Budget:
    """Bytes that an archive may still unpack to, counted as they come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = LARGEST_UNPACKED

    def read(self, file: IO[bytes]) -> bytes:
        """Read a member to its end.

        Raises:
            BrokenDocument: it is larger than what is left.
        """
        pieces = []
        while piece := file.read(READ_BYTES):
            self._left -= len(piece)
            if self._left < 0:
                mib = LARGEST_UNPACKED >> 20
                raise BrokenDocument("archive_too_large", name=self._name, mib=mib)
            pieces.append(piece)
        return b"".join(pieces)


def compose_members(members: Iterable[tuple[str, bytes]], name: str) -> Extract:
    """Return the text of all members that can be read, each under its name.

    Raises:
        BrokenDocument: not one of them can be read.
        DocumentTooCostly: there are more than ``MOST_MEMBERS``.
    """
    composer, unread = Composer(), Unreadable()
    for count, (member, data) in enumerate(members):
        if count >= MOST_MEMBERS:
            raise DocumentTooCostly("archive_of_too_many", name=name, most=MOST_MEMBERS)
        if not any(part.startswith(_SYSTEM) for part in PurePosixPath(member).parts):
            include_member(composer, data, name, member, unread)
    if not composer.length and unread.first is not None:
        raise BrokenDocument("no_member_read", name=name, first=unread.first.line())
    return composer.extract(unread.notes())
