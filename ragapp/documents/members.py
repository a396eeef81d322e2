"""Files within files: what an archive holds, what is attached to a mail."""

from __future__ import annotations

from pathlib import PurePosixPath

from ragapp.documents.readers import Extract
from ragapp.errors import DocumentTooCostly, EmptyDocument
from ragapp.text.encodable import as_text

DEEPEST = 5
"""Files within files within files; more is no way to keep documents but a trap."""
CONTAINERS = frozenset((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".eml", ".msg"))


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
