"""Paths a person gave → the files to read, in a stable order, and what of them is not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragapp.documents.formats import readable_suffixes
from ragapp.errors import UnsupportedFormat

INSTALLED = frozenset({"node_modules", "__pycache__", "site-packages"})
"""Folders that programs fill with other people's code; who wants one names it."""
HIDDEN_PREFIXES = (".", "~$")  # "~$" is the lock file an open Word document leaves beside itself


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a folder that is not read, and why."""

    path: Path
    error: UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Found:
    """The files to read, each once, and what was left out, hidden and installed ones apart."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...] = ()


def discover(paths: Sequence[Path]) -> Found:
    """Return the files that ``paths`` name: folders are walked, sorted by name.

    A folder yields files whose suffix has a reader. Symbolic links in it are followed as long as
    they stay in it, after everything that has a place of its own, so that nothing is found twice.
    Whatever else is named is returned as it stands, also when it is missing or no reader knows it,
    as is a folder that may not be listed: ``parse_file`` then says what is wrong with that path.
    """
    files: dict[Path, None] = {}
    skipped: dict[Path, Skipped] = {}
    for path in paths:
        if _is_folder(path):
            walk = _Walk(path)
            files.update(dict.fromkeys(walk.files))
            skipped.update((one.path, one) for one in walk.skipped)
        else:
            files[_absolute(path)] = None
    left_out = tuple(one for path, one in skipped.items() if path not in files)
    return Found(tuple(files), left_out)


class _Walk:
    """Goes through one folder: ``files`` and ``skipped`` are what was found in it."""

    def __init__(self, root: Path) -> None:
        self.files: list[Path] = []
        self.skipped: list[Skipped] = []
        self._root = Path(os.path.realpath(root))
        self._seen: set[tuple[int, int]] = set()  # files and folders, by device and number
        self._links: list[Path] = []
        self._suffixes = readable_suffixes()
        self._take(_absolute(root))
        while self._links:  # a folder behind a link may hold more of them
            self._follow(self._links.pop(0))

    def _take(self, start: Path) -> None:
        """Take a file, or everything below a folder; links wait."""
        pending = [start]
        while pending:
            path = pending.pop()
            try:
                status = path.stat() if path == start else path.lstat()
            except OSError:  # gone since it was listed
                continue
            if stat.S_ISLNK(status.st_mode):
                self._links.append(path)
            elif stat.S_ISDIR(status.st_mode):
                pending.extend(reversed(self._entries(path, status)))
            elif not stat.S_ISREG(status.st_mode):
                self._skip(path, UnsupportedFormat("no_file_in_folder", name=path.name))
            else:
                self._seen.add(_identity(status))
                if path.suffix.lower() in self._suffixes:
                    self.files.append(path)
                else:
                    self._skip(path, UnsupportedFormat("no_reader_in_folder", name=path.name))

    def _entries(self, folder: Path, status: os.stat_result) -> list[Path]:
        """List a folder by name, once."""
        if _identity(status) in self._seen:
            return []
        self._seen.add(_identity(status))
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names, to be sorted
        except OSError:
            self.files.append(folder)  # whoever reads it says what is wrong
            return []
        shown = (name for name in names if not name.startswith(HIDDEN_PREFIXES))
        return [folder / name for name in shown if name not in INSTALLED]

    def _follow(self, link: Path) -> None:
        """Take what a link leads to, if that lies in the folder and has not been found yet."""
        try:
            target = Path(os.path.realpath(link, strict=True))
            status = target.stat()
        except OSError:  # also a link to itself
            self._skip(link, UnsupportedFormat("link_leads_nowhere", name=link.name))
            return
        if not target.is_relative_to(self._root):
            self._skip(link, UnsupportedFormat("link_leads_outside", name=link.name))
        elif _identity(status) not in self._seen:
            self._take(link)

    def _skip(self, path: Path, error: UnsupportedFormat) -> None:
        self.skipped.append(Skipped(path, error))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder above it that is locked
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - "..", which Path.absolute keeps, must go
