"""A folder mirrored: what is new and changed comes in, what has gone goes out, renames are renames.

What is to be done is found out first, so that it can be said before more than a few go.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragapp.documents.discover import discover
from ragapp.errors import WatchedFolderGone
from ragapp.ingest import IngestedFile, Status, ingest, may_exist
from ragapp.library import OpenKnowledgeBase
from ragapp.remove import remove_all
from ragapp.types import CancelCheck, ProgressSink, ignore_progress, never_cancel
from ragapp.watch import FEW


@dataclass(frozen=True, slots=True)
class Plan:
    """What mirroring would do. gone: paths of documents whose files are no more; known: of all."""

    folder: Path
    files: int
    gone: tuple[str, ...]
    known: int

    @property
    def takes_many(self) -> bool:
        """Say whether so much would go out that it should be asked about first."""
        return len(self.gone) > FEW and 2 * len(self.gone) > self.known


def plan(folder: Path, into: OpenKnowledgeBase) -> Plan:
    """Find out what mirroring a folder would do.

    Raises:
        WatchedFolderGone: it is missing, cannot be listed, or has been emptied.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - as stored paths are, without ".."
    stored = [one.path for one in into.kb.documents() if Path(one.path).is_relative_to(folder)]
    files = discover([folder]).files if folder.is_dir() else ()
    if not folder.is_dir() or folder in files or (stored and not files):
        raise WatchedFolderGone("synced_folder_gone", folder=folder, known=len(stored))
    there = {str(path) for path in files}
    gone = tuple(path for path in stored if path not in there and not may_exist(Path(path)))
    return Plan(folder, len(files), gone, len(stored))


def sync(
    planned: Plan,
    into: OpenKnowledgeBase,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
) -> list[IngestedFile]:
    """Do it. Files are ingested first, so that those that have moved are not embedded again.

    Raises:
        WatchedFolderGone: the folder has vanished meanwhile; nothing was taken out.
        KnowledgeBaseBusy: somebody else goes on writing.
    """
    results = ingest([planned.folder], into, progress, cancel)
    if cancel():
        return results
    gone = _still_gone(planned.gone, plan(planned.folder, into).gone)
    removed = remove_all(gone, into) if gone else []
    return results + [IngestedFile(stored.path, Status.REMOVED) for stored in removed]


def _still_gone(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Return what was planned to go and is still there under its old path."""
    stays = set(now)
    return [path for path in before if path in stays]
