"""Backups of a knowledge base in a folder: one archive each time, the newest few are kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from ragapp.errors import UsageError
from ragapp.index.archive import Exported, export

SUFFIX = ".ragapp.zip"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def interval(text: str) -> float:
    """Read a time such as 30m, 24h or 7d, in seconds.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None or not int(found[1]):
        raise UsageError("interval_unreadable", text=repr(text))
    return float(int(found[1]) * UNITS[found[2]])


def backup(kb: Path, folder: Path, keep: int, *, now: Callable[[], float] = time.time) -> Exported:
    """Write one more backup; older ones beyond ``keep`` go only when it is safe on the disk.

    Raises:
        UsageError: ``keep`` is below 1.
        KnowledgeBaseError: it could not be made; all older ones stay.
    """
    if keep < 1:
        raise UsageError("backup_keeps_none")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now()))
    made = export(kb, folder / f"{kb.name}-{stamp}{SUFFIX}")
    for old in backups(kb.name, folder)[:-keep]:
        old.unlink(missing_ok=True)
    return made


def backups(name: str, folder: Path) -> list[Path]:
    """List the backups of a knowledge base in a folder, oldest first."""
    ours = re.compile(re.escape(name) + r"-\d{8}T\d{6}Z" + re.escape(SUFFIX))
    return sorted(each for each in folder.iterdir() if ours.fullmatch(each.name))
