"""ZIP archives as document formats use them: locked ones told, bombs refused before they go off."""

from __future__ import annotations

import io
import zipfile
import zlib

from ragapp.errors import BrokenDocument, EncryptedDocument

LARGEST_UNPACKED = 512 * 1024 * 1024  # bytes; real documents with pictures stay well below
LARGEST_RATIO = 100  # unpacked to packed; XML reaches 20 to 40, a bomb a thousand
RATIO_MATTERS_ABOVE = 32 * 1024 * 1024  # bytes; less does no harm whatever the ratio
# What document formats allow. Python's other methods unpack a block of any size at once.
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
READ_BYTES = 1 << 16


def check_archive(data: bytes, name: str) -> None:
    """Make sure that every member can be unpacked, and that all together keep within bounds.

    Bytes are counted as they come out, because the sizes that an archive states may be false.

    Raises:
        BrokenDocument: damaged, packed in an unheard-of way, or larger than any document.
        EncryptedDocument: its members are locked.
    """
    allowed = LARGEST_UNPACKED
    if LARGEST_RATIO * len(data) < LARGEST_UNPACKED:
        allowed = max(RATIO_MATTERS_ABOVE, LARGEST_RATIO * len(data))
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.flag_bits & 0x1:
                    raise EncryptedDocument("archive_locked", name=name)
                if member.compress_type not in METHODS:
                    raise BrokenDocument("archive_packed_oddly", name=name, part=member.filename)
                if unpacked + member.file_size > allowed:
                    raise _too_large(name, unpacked + member.file_size)
                with archive.open(member) as part:
                    while piece := part.read(READ_BYTES):
                        unpacked += len(piece)
                        if unpacked > allowed:
                            raise _too_large(name, unpacked)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise BrokenDocument("archive_damaged", name=name, reason=str(error)) from error


def _too_large(name: str, unpacked: int) -> BrokenDocument:
    return BrokenDocument("archive_too_large", name=name, mib=unpacked >> 20)
