"""Paths a person gave → the files to read, in a stable order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ragapp.documents.formats import SUFFIXES

HIDDEN_PREFIXES = (".", "~$")  # "~$" is the lock file an open Word document leaves beside itself


def discover(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read, each once: folders are walked, sorted by name.

    A folder yields files whose suffix has a reader, skipping hidden ones. Whatever else is named
    is returned as it stands, also when it is missing or no reader knows it, as is a folder that
    may not be listed: ``parse_file`` then says what is wrong with that one path.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_walk(path, set())))
        else:
            found[_absolute(path)] = None
    return list(found)


def _walk(folder: Path, open_folders: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the readable files below ``folder``; ``open_folders`` are those it lies in."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield _absolute(folder)
        return
    identity = (status.st_dev, status.st_ino)
    if identity in open_folders:  # a symbolic link back up
        return
    for entry in entries:
        if entry.name.startswith(HIDDEN_PREFIXES):
            continue
        path = folder / entry.name
        if path.is_dir():
            yield from _walk(path, open_folders | {identity})
        elif path.suffix.lower() in SUFFIXES:
            yield _absolute(path)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - "..", which Path.absolute keeps, must go
