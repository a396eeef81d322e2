"""Files within files: what an archive holds, what is attached to a mail."""

from __future__ import annotations

from pathlib import PurePosixPath

from ragapp.documents.readers import Extract
from ragapp.documents.readers.compose import Composer
from ragapp.errors import DocumentError, DocumentTooCostly, EmptyDocument
from ragapp.text.encodable import as_text
from ragapp.types import Note

DEEPEST = 5
"""Files within files within files; more is no way to keep documents but a trap."""
MOST_NAMED = 10
"""Of the members that were not read, so many are named."""
CONTAINERS = frozenset((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".eml", ".msg"))


class Unreadable:
    """The members that could not be read, and what is wrong with the first."""

    def __init__(self) -> None:
        self.first: DocumentError | None = None
        self._names: list[str] = []
        self._count = 0

    def add(self, member: str, error: DocumentError) -> None:
        """Take note of one."""
        self.first = self.first or error
        self._count += 1
        if len(self._names) < MOST_NAMED:
            self._names.append(as_text(member))

    def notes(self) -> tuple[Note, ...]:
        """Return what the reader should know of them."""
        if not self._count:
            return ()
        names = ", ".join(self._names) + (" …" if self._count > len(self._names) else "")
        return (Note("members_not_read", {"count": self._count, "names": names}),)


def include_member(
    composer: Composer, data: bytes, within: str, member: str, unread: Unreadable
) -> None:
    """Add the text of a member under its name, or its name to those that were not read.

    Raises:
        DocumentTooCostly: the memory did not suffice.
    """
    try:
        extract = read_member(data, within, member)
    except DocumentTooCostly as error:
        if error.code == "reading_needs_memory":
            raise
        unread.add(member, error)
    except DocumentError as error:
        unread.add(member, error)
    else:
        composer.include(extract, as_text(member))


def read_member(data: bytes, within: str, member: str) -> Extract:
    """Read a file that lies in another one, with the reader of its kind.

    within: the name of the other, itself a path where that lies in a third;
    member: the name of this one there. How deep it lies is told by the two.

    Raises:
        DocumentError: no reader, locked, damaged, without text, or too deep.
    """
    from ragapp.documents.parse import choose_format, run_reader  # they know every reader

    name = member_name(within, member)
    if sum(1 for part in PurePosixPath(name).parts if is_container(part)) > DEEPEST:
        raise DocumentTooCostly("member_too_deep", name=name, deepest=DEEPEST)
    if not data.strip(b"\0 \t\r\n"):
        raise EmptyDocument("file_empty", name=name)
    extract = run_reader(choose_format(data, name), data, name)
    if not extract.text.strip():
        raise EmptyDocument("file_without_text", name=name)
    return extract


def member_name(within: str, member: str) -> str:
    """Return what to call a member: "letters.zip/2024/offer.docx"."""
    parts = PurePosixPath(as_text(member).replace("\\", "/")).parts
    return "/".join([within, *(part for part in parts if part not in ("/", "..", "."))])


def is_container(name: str) -> bool:
    """Say whether files of this name hold other files."""
    return PurePosixPath(name).suffix.lower() in CONTAINERS
