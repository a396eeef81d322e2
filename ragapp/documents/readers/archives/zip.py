"""ZIP archives of documents."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archives.compose import Budget, compose_members
from ragapp.documents.signatures import is_zip
from ragapp.errors import BrokenDocument, EncryptedDocument

_UTF8_NAME = 0x800  # of the flags: the name is UTF-8 and not the packer's own encoding


def read(data: bytes, name: str) -> Extract:
    """Return the text of the files in an archive.

    Raises:
        BrokenDocument: damaged, too large unpacked, or no file in it can be read.
        EncryptedDocument: a password is needed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return compose_members(_members(archive, name), name)
    except (
        zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError
    ) as error:  # fmt: skip
        raise BrokenDocument("archive_damaged", name=name, reason=str(error)) from error


def _members(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[str, bytes]]:
    budget = Budget(name)
    for member in archive.infolist():
        if member.is_dir():
            continue
        if member.flag_bits & 0x1:
            raise EncryptedDocument("archive_locked", name=name)
        with archive.open(member) as file:
            yield member_title(member), budget.read(file)


def member_title(member: zipfile.ZipInfo) -> str:
    """Return the name of a member; Windows in Chinese writes GBK where ZIP says code page 437."""
    if member.flag_bits & _UTF8_NAME or member.filename.isascii():
        return member.filename
    raw = member.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


FORMAT = Format(
    name="ZIP",
    suffixes=(".zip",),
    media_type="application/zip",
    read=read,
    signature=is_zip,
    always_signed=True,
)
