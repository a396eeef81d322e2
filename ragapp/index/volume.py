"""Errors of the disk under a knowledge base, said with the volume and the room on it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from ragapp.errors import KnowledgeBaseError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
ROOM = 64 * 2**20
"""Bytes that a small ingest writes at most; beyond it the size of the database decides."""


def mount_point(path: Path) -> Path:
    """Return where the volume that holds a path is mounted."""
    path = path.absolute()
    while not path.exists() or (path != path.parent and not os.path.ismount(path)):
        path = path.parent
    return path


def megabytes(size: int) -> str:
    """Return a size as people read it."""
    return f"{size / 2**20:,.0f} MB"


def disk_error(error: Exception, folder: Path) -> KnowledgeBaseError | None:
    """Return the error of a volume that is full, failing or read-only; None: of another kind."""
    code = _code(error)
    volume = mount_point(folder)
    if code == "full":
        return KnowledgeBaseError(
            "volume_full",
            folder=folder,
            volume=volume,
            free=_free(folder),
            needed=megabytes(_needed(folder)),
            reason=_reason(error),
        )
    if code == "read-only":
        return KnowledgeBaseError(
            "volume_read_only", folder=folder, volume=volume, reason=_reason(error)
        )
    if code == "failing":
        return KnowledgeBaseError(
            "volume_failing", folder=folder, volume=volume, reason=_reason(error)
        )
    return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _code(error: Exception) -> str | None:
    if isinstance(error, OSError):
        if error.errno in FULL:
            return "full"
        if error.errno in READ_ONLY:
            return "read-only"
        return "failing" if error.errno == errno.EIO else None
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else code & 0xFF
    return {
        sqlite3.SQLITE_FULL: "full",
        sqlite3.SQLITE_READONLY: "read-only",
        sqlite3.SQLITE_IOERR: "failing",
    }.get(kind)  # type: ignore[arg-type]


def _free(folder: Path) -> str:
    try:
        return megabytes(shutil.disk_usage(mount_point(folder)).free)
    except OSError:
        return "?"


def _needed(folder: Path) -> int:
    """Return what a publish may write in the worst case: the index anew, and the log's pages."""
    try:
        held = sum(f.stat().st_size for f in folder.glob("store.sqlite*"))
    except OSError:
        held = 0
    return max(ROOM, held)
