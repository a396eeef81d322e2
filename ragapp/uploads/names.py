"""Names of uploads: safe for every file system, and read as what they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]')
"""What some file system forbids, and invisible characters that make a name read otherwise."""
LONGEST_NAME = 200  # bytes; file systems stop at 255
LONGEST_SUFFIX = 32  # bytes; what is longer is no suffix but words after a full stop


def safe_name(name: str) -> str:
    """Return a file name that every file system takes and that reads as what it is.

    Letters of any script, spaces and full-width punctuation stay.
    """
    name = UNSAFE.sub("_", unicodedata.normalize("NFC", name)).lstrip(".~$ ").rstrip(". ")
    stem, dot, suffix = (name or "document").rpartition(".")
    if len(suffix.encode()) > LONGEST_SUFFIX or not dot:
        stem, dot, suffix = stem + dot + suffix, "", ""
    room = LONGEST_NAME - len(suffix.encode())
    return (stem.encode()[:room].decode(errors="ignore") + dot + suffix).rstrip(". ")


def distinct(names: Sequence[str]) -> list[str]:
    """Tell files of one drop apart that have the same name."""
    taken: list[str] = []
    for name in names:
        stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{stem} ({count}){dot}{suffix}"
        taken.append(candidate)
    return taken
