"""Writing what must be whole on disk, and knowing it again: synced files with checksums."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ragapp.index.backend import IndexDamaged


@dataclass(frozen=True, slots=True)
class Checksum:
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str


class SyncedFile:
    """A file being written; its checksum is of what was meant to be written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        self._stream.write(data)
        self._digest.update(data)
        self._size += len(data)

    def checksum(self) -> Checksum:
        """Return the checksum so far."""
        return Checksum(self._size, self._digest.hexdigest())


@contextmanager
def synced(file: Path) -> Iterator[SyncedFile]:
    """Write a new file; it is on the disk when the block has ended."""
    with file.open("xb") as stream:
        written = SyncedFile(stream)
        yield written
        stream.flush()
        os.fsync(stream.fileno())
        if os.fstat(stream.fileno()).st_size != written.checksum().size:
            raise OSError(errno.EIO, "fewer bytes are there than were written", str(file))


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checked(file: Path, expected: Checksum) -> bytes:
    """Read a whole file.

    Raises:
        IndexDamaged: it is not what was written.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    if Checksum(len(data), hashlib.sha256(data).hexdigest()) != expected:
        raise IndexDamaged(f"{file.name} does not match its checksum")
    return data
