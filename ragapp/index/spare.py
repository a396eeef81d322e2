"""The copy of a database that is kept beside it while it is brought to a new version."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from ragapp.errors import KnowledgeBaseError
from ragapp.index.volume import megabytes, mount_point

SUFFIX = ".before-migration"


def file_of(store_file: Path) -> Path:
    """Return where the copy of a database lies."""
    return store_file.with_name(store_file.name + SUFFIX)


def keep(store_file: Path) -> Path:
    """Copy a database as it is; the caller holds its write lock. A killed copy is made anew.

    Raises:
        KnowledgeBaseError: there is no room for the copy and for what the migration writes.
    """
    size = sum(
        f.stat().st_size for f in (store_file, _wal(store_file)) if f.exists()
    )  # the migration writes every row once more
    needed, free = 2 * size, shutil.disk_usage(store_file.parent).free
    if free < needed:
        raise KnowledgeBaseError(
            "no_room_to_migrate",
            folder=store_file.parent,
            volume=mount_point(store_file.parent),
            needed=megabytes(needed),
            free=megabytes(free),
        )
    kept = file_of(store_file)
    staging = kept.with_name(kept.name + ".partial")
    for left in (staging, _wal(staging), staging.with_name(staging.name + "-journal")):
        left.unlink(missing_ok=True)
    snapshot(store_file, staging)
    staging.replace(kept)
    return kept


def drop(store_file: Path) -> None:
    """Delete the copy: what has been deleted since would stay in it."""
    kept = file_of(store_file)
    for file in (kept, kept.with_name(kept.name + ".partial")):
        with contextlib.suppress(OSError):  # the next generation tries again
            file.unlink(missing_ok=True)


def snapshot(store_file: Path, target: Path) -> None:
    """Write one state of a database to a new file and sync it, also while others write to it."""
    source = sqlite3.connect(f"{store_file.absolute().as_uri()}?mode=rw", uri=True, timeout=30)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)  # all pages in one step: one state
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    with target.open("r+b") as stream:
        os.fsync(stream.fileno())


def _wal(file: Path) -> Path:
    return file.with_name(file.name + "-wal")
