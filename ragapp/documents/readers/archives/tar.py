"""TAR archives, packed or not, and single files packed by gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archives.compose import Budget, compose_members
from ragapp.documents.signatures import Content
from ragapp.errors import BrokenDocument

_PACKERS = ((b"\x1f\x8b\x08", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_MARK_AT = 257  # bytes; of "ustar"


def read(data: bytes, name: str) -> Extract:
    """Return the text of the files in an archive.

    Raises:
        BrokenDocument: damaged, too large unpacked, or no file in it can be read.
    """
    try:
        with _opened(data) as file:
            unpacked = Budget(name).read(file)
        if _is_tar(unpacked):
            with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
                return compose_members(_members(archive, name), name)
    except (
        tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError, OverflowError
    ) as error:  # fmt: skip
        raise BrokenDocument("archive_damaged", name=name, reason=str(error)) from error
    path = PurePosixPath(name)
    return compose_members([(path.stem if path.stem != path.name else name, unpacked)], name)


def _opened(data: bytes) -> IO[bytes]:
    for mark, unpack in _PACKERS:
        if data.startswith(mark):
            return unpack(io.BytesIO(data), "rb")  # type: ignore[return-value]
    return io.BytesIO(data)


def _members(archive: tarfile.TarFile, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the plain files; links and devices lead out of an archive."""
    budget = Budget(name)
    for member in archive:
        file = archive.extractfile(member) if member.isreg() else None
        if file is not None:
            yield member.name, budget.read(file)


def _is_tar(data: bytes) -> bool:
    return data[_MARK_AT : _MARK_AT + 5] == b"ustar"


def _is_packed(content: Content) -> bool:
    return content.data.startswith(tuple(mark for mark, _ in _PACKERS)) or _is_tar(content.data)


FORMAT = Format(
    name="TAR",
    suffixes=(".tar", ".tgz", ".gz", ".bz2", ".xz"),
    media_type="application/x-tar",
    read=read,
    signature=_is_packed,
    always_signed=True,
)
