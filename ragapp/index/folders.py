"""The folder of a knowledge base: it appears whole, goes whole, and nothing half made stays."""

from __future__ import annotations

import errno
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from ragapp.errors import KnowledgeBaseError, UsageError
from ragapp.index.volume import disk_error

ABANDONED_S = 3600.0
"""Making a folder takes less than a second; one that is older was left by a killed process."""


def make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder with what ``fill`` puts into it.

    Raises:
        UsageError: it is there already, or another process was quicker.
        KnowledgeBaseError: it cannot be written.
    """
    staging = folder.with_name(f".{folder.name}.new-{secrets.token_hex(4)}")
    try:
        staging.mkdir(parents=True)
        sweep(folder.parent)
        fill(staging)
        staging.rename(folder)
    except (OSError, sqlite3.DatabaseError) as error:
        if getattr(error, "errno", None) in (errno.ENOTEMPTY, errno.EEXIST):
            raise exists_already(folder) from error
        raise disk_error(error, folder.parent) or KnowledgeBaseError(
            "base_cannot_be_made", kb=folder.name, home=folder.parent, reason=str(error)
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def discard(folder: Path) -> Path:
    """Take a folder out of sight, at once; ``sweep`` deletes it."""
    hidden = folder.with_name(f".{folder.name}.deleted-{secrets.token_hex(4)}")
    folder.rename(hidden)
    return hidden


def sweep(parent: Path) -> None:
    """Delete what was discarded, and what killed processes have left half made."""
    for hidden in parent.glob(".*.deleted-*"):
        shutil.rmtree(hidden, ignore_errors=True)
    for staging in parent.glob(".*.new-*"):
        try:
            abandoned = time.time() - staging.stat().st_mtime > ABANDONED_S
        except OSError:  # it has just become a knowledge base
            continue
        if abandoned:
            shutil.rmtree(staging, ignore_errors=True)


def exists_already(folder: Path) -> UsageError:
    """Return the error for a name that is taken."""
    return UsageError("base_exists_already", kb=folder.name)
