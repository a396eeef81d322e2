"""The local backend: generations of segments in the folder ``index`` of a knowledge base.

What is added makes one small segment, what is removed marks rows dead; now and then segments are
written together (``merging``). So a generation costs what its changes cost, not what the base is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp import paths
from ragapp.index.backend import Changes, IndexDamaged, SearchIndex
from ragapp.index.local import manifest as manifests
from ragapp.index.local import segment as segments
from ragapp.index.local.manifest import Entry, Manifest
from ragapp.index.local.merging import FULL, runs_to_merge
from ragapp.index.local.segment import Segment
from ragapp.index.local.snapshot import LocalSnapshot, Part, assemble

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

MOST_READERS = 4
"""Threads that read segments: checksums and copies use a core each."""


class LocalIndex:
    """FAISS and BM25 beside the store of the knowledge base in ``kb``."""

    def __init__(self, kb: Path) -> None:
        self._kb = kb
        self._folder = paths.index_folder(kb)

    def apply(self, changes: Changes, current: SearchIndex | None = None) -> LocalSnapshot | None:
        """Make a generation beside the one before (see ``backend.IndexBackend``).

        Raises:
            IndexDamaged: the generation before is absent or harmed.
            OSError: it cannot be written.
        """
        before = _local(current)
        self._folder.mkdir(exist_ok=True)
        made = _Generation(self._folder, before)
        try:
            if not changes.whole:
                made.start_from(self._before(changes))
            made.remove(changes.removed)
            for passages in segments.gathered(changes.added):
                made.add(segments.build(passages))
            made.merge()
        except FileNotFoundError as error:
            raise IndexDamaged(f"{error.filename} is missing") from error
        manifest = Manifest(changes.generation, changes.space, tuple(made.entries))
        manifests.write(manifest, self._folder)
        if before is None:
            return None  # nobody here asks questions
        return assemble(changes.generation, made.parts(), before)

    def rebuild(self, changes: Changes) -> LocalSnapshot:
        """Make a generation anew for a reader, in memory where it cannot be written.

        Needs no lock: files are never written twice, and the manifest appears by rename.
        """
        built = [segments.build(passages) for passages in segments.gathered(changes.added)]
        if built:
            try:
                self._folder.mkdir(exist_ok=True)
                entries = [_saved(segment, self._folder) for segment in built]
                manifest = Manifest(changes.generation, changes.space, tuple(entries))
                manifests.write(manifest, self._folder)
            except OSError as error:
                logger.warning("the index cannot be kept in %s: %s", self._folder, error)
        parts = [Part(segment, None, "") for segment in built]
        return assemble(changes.generation, parts, None)

    def open(
        self, generation: int, space: int, current: SearchIndex | None = None
    ) -> LocalSnapshot | None:
        """Open a generation; None when it is absent, harmed or in another vector space."""
        before = _local(current)
        try:
            manifest = manifests.read(self._folder, generation)
            if manifest.space != space:
                raise IndexDamaged(f"generation {generation} is in vector space {manifest.space}")
            opened = _Generation(self._folder, before)
            opened.start_from(manifest)
            return assemble(generation, opened.parts(), before)
        except FileNotFoundError:
            return None
        except (OSError, IndexDamaged) as error:
            logger.warning("the index in %s is not used: %s; making it anew", self._folder, error)
            return None

    def to_read(self, generation: int, current: SearchIndex | None) -> int | None:
        """Return how many rows ``open`` would read beside ``current``; None: it cannot."""
        try:
            manifest = manifests.read(self._folder, generation)
        except (OSError, IndexDamaged):
            return None
        before = _local(current)
        known = {part.segment.name for part in before.parts} if before else set()
        return sum(entry.rows for entry in manifest.segments if entry.name not in known)

    def drop_others(self, generation: int) -> None:
        """Delete what ``generation`` does not need, and what earlier versions have left."""
        for old in [*self._kb.glob("index-*"), *self._kb.glob(".index-*")]:
            shutil.rmtree(old, ignore_errors=True)
        try:
            manifest = manifests.read(self._folder, generation)
        except (OSError, IndexDamaged) as error:  # the next generation clears up
            logger.warning("nothing is cleared away in %s: %s", self._folder, error)
            return
        needed = {name for entry in manifest.segments for name in entry.files}
        needed.add(manifests.file_of(self._folder, generation).name)
        for file in self._folder.iterdir():
            if file.name not in needed:
                # A reader that has it open on Windows; the next generation tries again.
                with contextlib.suppress(OSError):
                    file.unlink()

    def _before(self, changes: Changes) -> Manifest:
        manifest = manifests.read(self._folder, changes.generation - 1)
        if manifest.space != changes.space:
            raise IndexDamaged(f"the generation before is in vector space {manifest.space}")
        for entry in manifest.segments:
            for name, checksum in entry.files.items():
                if (self._folder / name).stat().st_size != checksum.size:
                    raise IndexDamaged(f"{name} has another size than it was written with")
        return manifest


class _Generation:
    """The segments of a generation while it is put together; what is not in memory is read."""

    def __init__(self, folder: Path, before: LocalSnapshot | None) -> None:
        self.entries: list[Entry] = []
        self._folder = folder
        self._searched = before is not None
        self._parts = {part.segment.name: part for part in before.parts} if before else {}
        self._segments: dict[str, Segment] = {
            name: part.segment for name, part in self._parts.items()
        }
        self._dead: dict[str, NDArray[np.bool_]] = {}

    def start_from(self, manifest: Manifest) -> None:
        """Take over the segments of a generation."""
        self.entries = list(manifest.segments)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Mark passages dead."""
        for place, entry in enumerate(self.entries):
            mine = ids[(ids >= entry.first) & (ids <= entry.last)]
            if len(mine):
                known = self._segments.get(entry.name)
                held = segments.load_ids(self._folder, entry.name) if known is None else known.ids
                dead = self._dead_of(entry)
                dead = np.zeros(entry.rows, np.bool_) if dead is None else dead.copy()
                dead[segments.rows_of(held, mine)] = True
                self.entries[place] = manifests.save_dead(dead, entry, self._folder)
                self._dead[self.entries[place].dead_file] = dead

    def add(self, segment: Segment) -> None:
        """Write a segment and put it at the end."""
        self.entries.append(self._saved(segment))

    def merge(self) -> None:
        """Write together what is due."""
        due = runs_to_merge([e.rows for e in self.entries], [e.dead for e in self.entries])
        for run in reversed(due):
            parts = [self._part(self.entries[place]) for place in run]
            merged = segments.merge([(part.segment, part.dead) for part in parts])
            replaced = [self._saved(merged)] if len(merged.ids) else []
            self.entries[run.start : run.stop] = replaced

    def parts(self) -> list[Part]:
        """Return all segments, read where they are not in memory, several at a time."""
        if all(entry.name in self._segments for entry in self.entries):
            return [self._part(entry) for entry in self.entries]
        with ThreadPoolExecutor(min(MOST_READERS, os.cpu_count() or 1)) as threads:
            return list(threads.map(self._part, self.entries))

    def _saved(self, segment: Segment) -> Entry:
        if self._searched or len(segment.ids) < FULL:  # a full one is read again by nobody else
            self._segments[segment.name] = segment
        return _saved(segment, self._folder)

    def _part(self, entry: Entry) -> Part:
        known = self._parts.get(entry.name)
        if known is not None and known.dead_file == entry.dead_file:
            return known
        segment = self._segments.get(entry.name)
        if segment is None:
            segment = segments.load(self._folder, entry.name, entry.rows, entry.files)
            self._segments[entry.name] = segment
        return Part(segment, self._dead_of(entry), entry.dead_file)

    def _dead_of(self, entry: Entry) -> NDArray[np.bool_] | None:
        known = self._parts.get(entry.name)
        if known is not None and known.dead_file == entry.dead_file:
            return known.dead
        held = self._dead.get(entry.dead_file)
        return manifests.load_dead(entry, self._folder) if held is None else held


def _saved(segment: Segment, folder: Path) -> Entry:
    files = segments.save(segment, folder)
    first, last = int(segment.ids[0]), int(segment.ids[-1])
    return Entry(segment.name, len(segment.ids), first, last, files)


def _local(index: SearchIndex | None) -> LocalSnapshot | None:
    """Return an index that this backend has opened, None for any other."""
    return index if isinstance(index, LocalSnapshot) else None
