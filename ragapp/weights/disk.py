"""Room on the disk: asked for before a download, and reported in a sentence when it runs out."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from ragapp.errors import DiskFull

# EDQUOT: a person's quota; EFBIG: a file system without files this large (FAT32 stops at 4 GB).
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What Rust libraries say for ENOSPC, which they raise as an error type of their own.
FULL_WORDS = ("os error 28", "No space left")


def require_room(folder: Path, needed: int, item: str) -> None:
    """Check that ``needed`` bytes fit beside what ``folder`` holds.

    Raises:
        DiskFull: they do not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise disk_full(folder, item, needed)


@contextlib.contextmanager
def full_disk_reported(folder: Path, item: str) -> Iterator[None]:
    """Turn the operating system's "no space" into a sentence.

    Raises:
        DiskFull: the body ran out of room.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(folder, item) from error
        raise
    except Exception as error:
        if any(words in str(error) for words in FULL_WORDS):
            raise disk_full(folder, item) from error
        raise


def gigabytes(size: int) -> str:
    """Write a size in bytes for a person: "0.47 GB"."""
    return f"{size / 1e9:.2f} GB"


def disk_full(folder: Path, item: str, needed: int | None = None) -> DiskFull:
    """Build the error for a disk without room, with what is free and, where known, what is needed.

    ``needed`` in bytes.
    """
    free = gigabytes(shutil.disk_usage(folder).free)
    if needed is None:
        return DiskFull("disk_full", item=item, free=free, folder=folder)
    return DiskFull("disk_too_full", item=item, needed=gigabytes(needed), free=free, folder=folder)
