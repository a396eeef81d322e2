"""Hashes: the two kinds that sources declare, and how a file is held to one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CHUNK_BYTES = 1 << 20


class DigestKind(StrEnum):
    """SHA-256 of the content, or git's own: SHA-1 over a header with the size, then the content."""

    SHA256 = "sha256"
    GIT_BLOB = "git blob"


@dataclass(frozen=True, slots=True)
class Digest:
    """A declared hash, ``value`` in lower-case hexadecimal."""

    kind: DigestKind
    value: str

    @classmethod
    def sha256(cls, value: str) -> Digest:
        """Wrap a SHA-256."""
        return cls(DigestKind.SHA256, value.lower())

    def matches(self, file: Path) -> bool:
        """Tell whether the file's content has this hash."""
        return file_digest(file, self.kind) == self.value


def file_digest(
    file: Path, kind: DigestKind = DigestKind.SHA256, on_bytes: Callable[[int], None] | None = None
) -> str:
    """Hash a file in pieces, telling ``on_bytes`` the size of each."""
    if kind is DigestKind.SHA256:
        hasher = hashlib.sha256()
    else:
        hasher = hashlib.sha1(usedforsecurity=False)
        hasher.update(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as stream:
        while piece := stream.read(CHUNK_BYTES):
            hasher.update(piece)
            if on_bytes:
                on_bytes(len(piece))
    return hasher.hexdigest()
