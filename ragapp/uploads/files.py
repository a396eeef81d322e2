"""Where dropped files lie, at every step between the browser and the knowledge base.

    <home>/.waiting/<base>/<n>/<name>   waits for its turn
    <base>/files/<name>                 is being read, or belongs to a document
    <base>/files/.previous/<name>       the earlier version, until the new one is stored
    <base>/files/.deleted/<n>/<name>    of a deleted document, until the deletion is final

Every step is one rename, so a program that is killed leaves a file in one of these places, and
``recover`` tells from the store which version is the good one.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from ragapp import paths

PREVIOUS = ".previous"
DELETED = ".deleted"


def accept(upload: Path, home: Path, kb: str, name: str) -> Path:
    """Move an upload to where it waits. Returns its new place."""
    folder = paths.waiting(home, kb)
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder)) / name
    shutil.move(upload, place)
    return place


def place(waiting: Path, folder: Path) -> Path:
    """Move a waiting file to its place in a base's folder; one that is there steps aside."""
    target = (folder / waiting.name).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        aside = folder / PREVIOUS / target.name
        aside.parent.mkdir(exist_ok=True)
        if aside.exists():  # of an upload that was never settled: what is aside is the good one
            target.unlink()
        else:
            target.replace(aside)
    waiting.replace(target)
    waiting.parent.rmdir()
    return target


def settle(target: Path, *, keep: bool) -> None:
    """Drop the earlier version, or drop the new file and bring the earlier version back."""
    previous = target.parent / PREVIOUS / target.name
    if keep:
        previous.unlink(missing_ok=True)
    elif previous.exists():
        previous.replace(target)
    else:
        target.unlink(missing_ok=True)


def set_aside(target: Path) -> Path:
    """Take the file of a deleted document out of the way. Returns where it waits to be unlinked."""
    folder = target.parent / DELETED
    folder.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder)) / target.name
    return target.replace(aside)


def bring_back(aside: Path) -> Path:
    """Undo ``set_aside``, unless another file of that name has come. Returns the file's place."""
    target = aside.parent.parent.parent / aside.name
    if target.exists():
        drop(aside)
    else:
        aside.replace(target)
        aside.parent.rmdir()
    return target


def drop(aside: Path) -> None:
    """Make a deletion final."""
    shutil.rmtree(aside.parent, ignore_errors=True)


def waiting(home: Path, names: Collection[str] | None = None) -> dict[str, list[Path]]:
    """Return the files that still wait, by knowledge base, oldest first."""
    root = paths.waiting(home)
    found: dict[str, list[Path]] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        files = [file for file in folder.glob("*/*") if file.is_file()]
        if files and (names is None or folder.name in names):
            found[folder.name] = sorted(files, key=lambda file: file.stat().st_mtime)
    return found


def put_back(target: Path, home: Path, kb: str) -> None:
    """Let a file that was placed wait again, and bring the earlier version back."""
    accept(target, home, kb, target.name)
    previous = target.parent / PREVIOUS / target.name
    if previous.exists():
        previous.replace(target)


def recover(folder: Path, stored: Mapping[str, str], home: Path, kb: str) -> None:
    """Put right what a killed program left in a base's folder of files.

    stored: SHA-256 of each document of the base, by path. Files that were placed and never stored
    wait again.
    """
    if not folder.is_dir():
        return
    shutil.rmtree(folder / DELETED, ignore_errors=True)
    for previous in sorted((folder / PREVIOUS).glob("*")):
        target = (folder / previous.name).absolute()
        if not target.exists():
            previous.replace(target)
        elif stored.get(str(target)) == sha256_of(target):
            previous.unlink()
        else:
            put_back(target, home, kb)
    for file in sorted(folder.iterdir()):
        if file.is_file() and str(file.absolute()) not in stored:
            put_back(file.absolute(), home, kb)


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
