"""Who holds the right to write: a note beside the lock, for the one who is refused."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragapp.errors import KnowledgeBaseBusy


@contextmanager
def named(kb: Path) -> Iterator[None]:
    """Say for a block who writes; the caller holds the lock. A full disk does not keep it."""
    file = _file(kb)
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    note = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    with contextlib.suppress(OSError):
        file.write_text(note, encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if file.read_text(encoding="utf-8") == note:  # the base may be another one by now
                file.write_text("", encoding="utf-8")


def busy(kb: Path) -> KnowledgeBaseBusy:
    """Return the error for a second writer."""
    try:
        note = json.loads(_file(kb).read_text(encoding="utf-8"))
        return KnowledgeBaseBusy(
            "base_being_written_by",
            kb=kb.name,
            pid=note["pid"],
            host=note["host"],
            since=note["since"],
        )
    except (OSError, ValueError, KeyError, TypeError):  # just taken, or let go of
        return KnowledgeBaseBusy("base_being_written", kb=kb.name)


def _file(kb: Path) -> Path:
    return kb / "writer.json"
