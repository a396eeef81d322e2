"""Files that a browser has sent and nothing has been done with yet.

Each lies in a folder of its own under the server's private folder and is known by a token, which
only the session that sent it can hand in. What nobody hands in is deleted.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from ragapp import paths
from ragapp.documents.parse import LARGEST_FILE
from ragapp.errors import UsageError
from ragapp.uploads.names import safe_name

MOST_WAITING = 4 * 1024 * 1024 * 1024
"""Bytes of one session that lie here, until they are read into a knowledge base."""
MOST_FILES = 2000
MOST_AT_ONCE = 4
"""Files of one session that are being sent."""
KEPT_FREE = 1024 * 1024 * 1024
"""Bytes on the disk that uploads leave to everything else."""
UNCLAIMED_S = 600.0


class Refusal(StrEnum):
    """Why a file is not taken; the page has words for each."""

    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    BUSY = "busy"


class UploadRefused(Exception):
    """A file is not taken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(slots=True)
class Upload:
    """A file on its way in; ``size`` grows with it."""

    owner: str
    token: str
    path: Path
    file: BinaryIO = field(repr=False)
    size: int = 0
    complete: bool = False
    claimed: bool = False
    deadline: float = 0.0


@contextlib.contextmanager
def private_folder(home: Path) -> Iterator[Path]:
    """Yield a new folder that nobody else can read, for as long as the server runs.

    Folders of servers that were killed are deleted: their locks are free.
    """
    root = paths.incoming(home)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for lock in root.glob("*.lock"):
        with contextlib.suppress(Timeout), FileLock(lock, timeout=0):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    folder = root / secrets.token_hex(8)
    lock = folder.with_suffix(".lock")
    with FileLock(lock):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


class Inbox:
    """All files that were sent. Safe to share between threads."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder.resolve()
        self._clock = clock
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}

    def begin(self, owner: str, name: str, length: int) -> Upload:
        """Make room for a file; ``length`` in bytes, 0 when the browser does not say.

        Raises:
            UploadRefused: it is too large, or too much is here already.
        """
        self.expire()
        with self._lock:
            mine = [upload for upload in self._uploads.values() if upload.owner == owner]
            if len(mine) >= MOST_FILES or sum(not u.complete for u in mine) >= MOST_AT_ONCE:
                raise UploadRefused(Refusal.BUSY)
            self._check(mine, 0, length)
            token = secrets.token_urlsafe(24)
            folder = self._folder / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            path = folder / safe_name(name)
            upload = Upload(owner, token, path, path.open("xb"))
            self._uploads[token] = upload
            return upload

    def write(self, upload: Upload, data: bytes) -> None:
        """Add to a file.

        Raises:
            UploadRefused: it has become too large, or there is no room.
        """
        with self._lock:
            mine = [other for other in self._uploads.values() if other.owner == upload.owner]
            self._check(mine, upload.size, len(data))
            upload.size += len(data)
            file = upload.file
        file.write(data)

    def finish(self, upload: Upload) -> None:
        """Close a file that is complete; the others of its owner are waited for anew as well."""
        upload.file.close()
        deadline = self._clock() + UNCLAIMED_S
        with self._lock:
            upload.complete = True
            for other in self._uploads.values():
                if other.owner == upload.owner:
                    other.deadline = deadline

    def drop(self, upload: Upload) -> None:
        """Delete a file."""
        upload.file.close()
        with self._lock:
            self._uploads.pop(upload.token, None)
        shutil.rmtree(upload.path.parent, ignore_errors=True)

    def claim(self, owner: str, tokens: object) -> Sequence[Path]:
        """Return the files of some tokens, which the caller moves away or deletes.

        Raises:
            UsageError: one of them is not a token of a complete file that this owner sent.
        """
        with self._lock:
            uploads = [self._find(owner, token) for token in _strings(tokens)]
            if not uploads or None in uploads or len({id(u) for u in uploads}) < len(uploads):
                raise UsageError("dropped_files_gone")
            found = [upload for upload in uploads if upload is not None]
            for upload in found:
                upload.claimed = True
            return [upload.path for upload in found]

    def expire(self) -> None:
        """Delete what nobody has claimed in time, and forget what was taken away."""
        now = self._clock()
        with self._lock:
            over = [
                upload
                for upload in self._uploads.values()
                if (upload.claimed and not upload.path.exists())
                or (upload.complete and not upload.claimed and upload.deadline <= now)
            ]
        for upload in over:
            self.drop(upload)

    def __len__(self) -> int:
        """Return how many files are known."""
        return len(self._uploads)

    def _find(self, owner: str, token: str) -> Upload | None:
        upload = self._uploads.get(token)
        if upload is None or upload.owner != owner or upload.claimed or not upload.complete:
            return None
        inside = upload.path.resolve().is_relative_to(self._folder)
        return upload if inside and upload.path.is_file() else None

    def _check(self, mine: Sequence[Upload], size: int, more: int) -> None:
        if size + more > LARGEST_FILE:
            raise UploadRefused(Refusal.TOO_LARGE)
        waiting = sum(upload.size for upload in mine if upload.path.exists())
        free = shutil.disk_usage(self._folder).free
        if waiting + more > MOST_WAITING or free - more < KEPT_FREE:
            raise UploadRefused(Refusal.NO_ROOM)


def _strings(tokens: object) -> Sequence[str]:
    """Return what can be tokens; anything else, an object with a path for one, is none."""
    if not isinstance(tokens, list) or len(tokens) > MOST_FILES:
        return []
    return [token if isinstance(token, str) else "" for token in tokens]
