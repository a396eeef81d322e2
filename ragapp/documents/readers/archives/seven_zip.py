"""7z archives of documents."""

from __future__ import annotations

import io

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import LARGEST_UNPACKED
from ragapp.documents.readers.archives.compose import compose_members
from ragapp.documents.signatures import begins_with
from ragapp.errors import BrokenDocument, DocumentError, EncryptedDocument


def read(data: bytes, name: str) -> Extract:
    """Return the text of the files in an archive.

    Raises:
        BrokenDocument: damaged, too large unpacked, or no file in it can be read.
        EncryptedDocument: a password is needed.
    """
    import py7zr
    from py7zr.io import BytesIOFactory

    try:
        with py7zr.SevenZipFile(io.BytesIO(data)) as archive:
            if archive.needs_password():
                raise EncryptedDocument("archive_locked", name=name)
            stated = sum(one.uncompressed for one in archive.list())
            if stated > LARGEST_UNPACKED:
                raise BrokenDocument("archive_too_large", name=name, mib=stated >> 20)
            factory = BytesIOFactory(limit=LARGEST_UNPACKED)
            archive.extractall(factory=factory)
            for file in factory.products.values():
                file.seek(0)
            members = [(title, file.read()) for title, file in factory.products.items()]
    except DocumentError:
        raise
    except Exception as error:  # py7zr lets through whatever a damaged header leads to
        raise BrokenDocument("archive_damaged", name=name, reason=str(error)) from error
    return compose_members(members, name)


FORMAT = Format(
    name="7z",
    suffixes=(".7z",),
    media_type="application/x-7z-compressed",
    read=read,
    signature=begins_with(b"7z\xbc\xaf\x27\x1c"),
    always_signed=True,
)
