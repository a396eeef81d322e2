"""Folders followed as they change: new and changed files come in, files that have gone go out.

A folder that vanishes is a disk that was unmounted, a share that dropped, a rename: an alarm, and
nothing is taken out of the knowledge base until it is back.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ragapp.documents.discover import discover
from ragapp.errors import KnowledgeBaseBusy, RagappError, WatchedFolderGone
from ragapp.file_events import Identity, identity_of, looks
from ragapp.ingest import IngestedFile, Status, ingest
from ragapp.library import OpenKnowledgeBase
from ragapp.remove import remove_all

logger = logging.getLogger(__name__)

FEW = 3
"""So many files may go at once without a question; more than half of a folder beyond that is
taken for a disk or a share that has gone."""

State = tuple[float, int]
"""Modification time and size of a file."""


@dataclass(frozen=True, slots=True)
class WatchRound:
    """What one round of changes led to, and what is wrong with the folders themselves."""

    results: tuple[IngestedFile, ...]
    alarms: tuple[RagappError, ...] = ()


def watch(
    roots: Sequence[Path],
    into: OpenKnowledgeBase,
    stop: threading.Event,
    *,
    remove_missing: bool = False,
) -> Iterator[WatchRound]:
    """Follow files and folders until ``stop``: yields rounds in which something happened.

    What counts as a change is what differs from the moment of the call, so call it before the
    files are ingested the first time. Files are ingested, or taken out, when they have been the
    same, or gone, for one round. remove_missing: also when most of a folder has gone at once.
    """
    watched = [_Root(root) for root in roots]
    return _rounds(watched, into, stop, remove_missing=remove_missing)


def _rounds(
    watched: Sequence[_Root],
    into: OpenKnowledgeBase,
    stop: threading.Event,
    *,
    remove_missing: bool,
) -> Iterator[WatchRound]:
    roots = [root.path for root in watched]
    for unavailable in looks(roots, stop, lambda: any(root.pending for root in watched)):
        if unavailable is not None:
            yield WatchRound((), (unavailable,))
            continue
        alarms: list[RagappError] = []
        settled: list[Path] = []
        gone: list[Path] = []
        for root in watched:
            changes, alarm = root.look(remove_missing=remove_missing)
            settled += changes.settled
            gone += changes.gone
            if alarm is not None:
                alarms.append(alarm)
        results: list[IngestedFile] = []
        try:
            results = _bring_in(settled, gone, _copies(watched, settled, gone), into, stop)
        except KnowledgeBaseBusy:
            logger.debug("somebody else is writing; the next round tries again")
        except RagappError as error:  # the watcher outlives a full disk
            alarms.append(error)
        else:
            for root in watched:
                root.done(settled, gone)
        if results or alarms:
            yield WatchRound(tuple(results), tuple(alarms))


def _bring_in(
    settled: Sequence[Path],
    gone: Sequence[Path],
    copies: Sequence[Path],
    into: OpenKnowledgeBase,
    stop: threading.Event,
) -> list[IngestedFile]:
    """Ingest first: a file that has moved is then renamed, and not read again.

    Last those whose bytes may have been kept once, under a name that no longer stands for them.
    """
    results = ingest(settled, into, cancel=stop.is_set) if settled else []
    removed = remove_all([str(path.absolute()) for path in gone], into) if gone else []
    results += [IngestedFile(stored.path, Status.REMOVED) for stored in removed]
    again = ingest(copies, into, cancel=stop.is_set) if copies else []
    return results + [one for one in again if one.status in (Status.ADDED, Status.RENAMED)]


def _copies(watched: Sequence[_Root], settled: Sequence[Path], gone: Sequence[Path]) -> list[Path]:
    """Return the files as long as one of those that changed or went was before."""
    moved = {*settled, *gone}
    known = {path: size for root in watched for path, (_, size) in root.known.items()}
    sizes = {known[path] for path in moved if path in known}
    return [path for path, size in known.items() if size in sizes and path not in moved]


@dataclass(frozen=True, slots=True)
class _Changes:
    settled: tuple[Path, ...] = ()
    gone: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Root:
    """One watched file or folder: what was last seen of it, and what has changed since."""

    path: Path
    known: dict[Path, State] = field(default_factory=dict)
    pending: dict[Path, State | None] = field(default_factory=dict)
    identity: Identity | None = None
    alarmed: bool = False

    def __post_init__(self) -> None:
        self.identity = _readable(self.path)
        self.known = _states(self.path)

    def look(self, *, remove_missing: bool) -> tuple[_Changes, RagappError | None]:
        """Return what changed and stayed so since the last look, and an alarm once."""
        identity = _readable(self.path)
        states = _states(self.path)
        gone = [path for path in self.known if path not in states]
        if self.known and not remove_missing and self._has_vanished(identity, gone):
            self.pending = {}
            alarm = None if self.alarmed else self._alarm(len(gone))
            self.alarmed = True
            return _Changes(), alarm
        self.alarmed = False
        self.identity = identity
        changed: dict[Path, State | None] = {
            path: state for path, state in states.items() if self.known.get(path) != state
        }
        changed |= dict.fromkeys(gone)
        same = [p for p, state in changed.items() if p in self.pending and self.pending[p] == state]
        self.pending = changed
        return (
            _Changes(
                tuple(path for path in same if path in states),
                tuple(path for path in same if path not in states),
            ),
            None,
        )

    def done(self, settled: Sequence[Path], gone: Sequence[Path]) -> None:
        """Take note that these changes are in the knowledge base."""
        for path in settled:
            if isinstance(state := self.pending.get(path), tuple):
                self.known[path] = state
        for path in gone:
            self.known.pop(path, None)

    def _has_vanished(self, identity: Identity | None, gone: Sequence[Path]) -> bool:
        """Say whether the folder has gone, is another one now, or was emptied at a stroke."""
        if self.path in self.known:  # a file that is watched by itself may go
            return False
        if identity is None or identity != self.identity:
            return True
        return len(gone) > FEW and 2 * len(gone) > len(self.known)

    def _alarm(self, gone: int) -> WatchedFolderGone:
        return WatchedFolderGone(
            "watched_folder_gone", folder=self.path, gone=gone, known=len(self.known)
        )


def _readable(path: Path) -> Identity | None:
    """Return which folder this is, None when it is missing or may not be read."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
    except OSError:
        return None
    return identity_of(path)


def _states(root: Path) -> dict[Path, State]:
    states = {}
    for path in discover([root]).files:
        with contextlib.suppress(OSError):  # gone since it was listed
            if path.is_file():
                status = path.stat()
                states[path] = (status.st_mtime, status.st_size)
    return states
