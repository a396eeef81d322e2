"""The generation that questions are answered from: kept in memory, renewed beside them.

A question never waits for an index to be built when there is an older one to answer from. What the
older one still names but the store no longer holds cannot be read, so nothing deleted comes back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ragapp.errors import RagappError
from ragapp.index.backend import IndexBackend, whole_generation
from ragapp.index.snapshot import Snapshot, VectorSpace, compared
from ragapp.index.store import Store

logger = logging.getLogger(__name__)

AT_ONCE = 2000
"""Passages that a question reads itself to answer from the newest generation: some 15 ms."""
ATTEMPTS = 5
"""To open a generation before the next one is published and its files go."""


class CurrentSnapshot:
    """Holds a knowledge base's newest opened generation. Safe to share between threads."""

    def __init__(
        self, backend: IndexBackend, store: Callable[[], AbstractContextManager[Store]]
    ) -> None:
        self._backend = backend
        self._store = store
        self._held: Snapshot | None = None
        self._opening = threading.Lock()
        self._renewal: threading.Thread | None = None

    def held(self) -> Snapshot | None:
        """Return what is in memory, however old."""
        return self._held

    def get(self, space: VectorSpace) -> Snapshot:
        """Return the newest generation that can be had without building or reading much."""
        held = self._held
        if held is not None and held.generation == self._published():
            return held
        # Whoever comes while another thread opens it answers from the old one.
        if not self._opening.acquire(blocking=self._held is None):
            return held or self.get(space)
        try:
            held, published = self._held, self._published()
            if held is not None and held.generation == published:
                return held
            if held is not None and held.generation > published:
                held = None  # an older copy of the folder has been put in its place
            if held is None:
                self._held = self._opened(None) or self._rebuilt(space)
                return self._held
            to_read = self._backend.to_read(published, held.index)
            if to_read is not None and to_read <= AT_ONCE:
                opened = self._opened(held)
                if opened is not None:
                    self._held = opened
                    return opened
            if self._renewal is None or not self._renewal.is_alive():
                self._renewal = threading.Thread(
                    target=self._renew, args=(space, held), name="index-renewal", daemon=True
                )
                self._renewal.start()
            return held
        finally:
            self._opening.release()

    @contextmanager
    def handing_over(self) -> Iterator[Callable[[Snapshot], None]]:
        """Publish in this block and hand the new generation over: nobody opens it meanwhile."""
        with self._opening:
            yield self._take

    def _take(self, snapshot: Snapshot) -> None:
        self._held = snapshot

    def _published(self) -> int:
        with self._store() as store:
            return store.generation()

    def _renew(self, space: VectorSpace, held: Snapshot) -> None:
        try:
            renewed = self._opened(held) or self._rebuilt(space)
        except (RagappError, OSError, MemoryError):
            logger.exception("the newest generation cannot be opened; an older one answers")
            return
        with self._opening:
            if self._held is None or self._held.generation < renewed.generation:
                self._held = renewed

    def _opened(self, held: Snapshot | None) -> Snapshot | None:
        """Open the index of the published generation; None when it is absent or harmed."""
        for _ in range(ATTEMPTS):
            # One transaction: a writer may publish between two of these reads.
            with self._store() as store, store.transaction(write=False):
                generation, version = store.generation(), store.fitted_space().version
                state = store.load_whitening(version)
            index = self._backend.open(generation, version, held.index if held else None)
            if index is not None:
                return Snapshot(index, state)
            if generation == self._published():
                break  # else its files went when the next one was published
        return None

    def _rebuilt(self, space: VectorSpace) -> Snapshot:
        """Make the index of the published generation anew from the store."""
        with self._store() as store, store.transaction(write=False):
            generation, version = store.generation(), store.fitted_space().version
            state = store.load_whitening(version)
            every = compared(store.index_rows(generation), space, state)
            index = self._backend.rebuild(whole_generation(generation, version, every))
        return Snapshot(index, state)
