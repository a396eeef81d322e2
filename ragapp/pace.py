"""How far a run over many files is, how quick, and how long it will still take: told by its events.

Files count by their bytes, for that is what is known of those to come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ragapp.types import Progress, ProgressSink, Stage

EVERY_S = 0.5
"""Between two words about the run."""
FROM_S, FROM_SHARE = 3.0, 0.02
"""So long and so far a run has to be before its end is guessed."""


class Pace:
    """A progress sink that hands on what it is told and adds ``Stage.RUNNING`` now and then.

    That event counts files, ``per_s`` passages embedded a second and ``left_s`` seconds still to
    go, None while too little is known. Safe to share between threads.
    """

    def __init__(
        self,
        files: Sequence[Path],
        item: str,
        sink: ProgressSink,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sizes = {str(file.absolute()): _size(file) for file in files}
        self._item = item
        self._sink = sink
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = self._said = clock()
        self._all = sum(self._sizes.values())
        self._read: set[str] = set()
        self._ended: set[str] = set()
        self._shares: dict[str, float] = {}  # embedded, of the files in work
        self._passages: dict[str, int] = {}

    def take(self, progress: Progress) -> None:
        """Hand an event on, and say how the run stands when that is due."""
        self._sink(progress)
        with self._lock:
            self._note(progress)
            now = self._clock()
            if progress.item not in self._sizes or now - self._said < EVERY_S:
                return
            self._said = now
            running = self._running(now - self._begun)
        self._sink(running)

    def _note(self, progress: Progress) -> None:
        item, stage = progress.item, progress.stage
        if item not in self._sizes or item in self._ended:
            return
        if stage is Stage.PARSING:
            self._read.add(item)
        elif stage is Stage.EMBEDDING:
            self._passages[item] = progress.done
            self._shares[item] = progress.done / max(1, progress.total or 0)
        elif stage in (Stage.INDEXING, Stage.FAILED):
            self._ended.add(item)
            self._shares.pop(item, None)
            if item not in self._read:  # unchanged: it took no time, and says nothing of others
                self._all -= self._sizes[item]

    def _running(self, elapsed: float) -> Progress:
        done = float(sum(self._sizes[item] for item in self._ended & self._read))
        done += sum(self._sizes[item] * share for item, share in self._shares.items())
        share = done / max(1, self._all)
        known = elapsed >= FROM_S and share >= FROM_SHARE
        return Progress(
            Stage.RUNNING,
            self._item,
            len(self._ended),
            len(self._sizes),
            per_s=sum(self._passages.values()) / max(elapsed, 1e-3),
            left_s=elapsed * (1 - share) / share if known else None,
        )


def _size(file: Path) -> int:
    """Return the bytes of a file; an empty or missing one is a step, too."""
    try:
        return max(1, file.stat().st_size)
    except OSError:
        return 1
