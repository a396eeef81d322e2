"""The seam between a knowledge base and what searches it.

``SearchIndex`` is one generation, ready to search, and never changes: a question keeps the one it
started with. ``IndexBackend`` is what makes and opens generations. All of it can be made anew from
the store, which alone decides which generation is the current one. Nothing here says how an index
lies on disk; ``local`` is FAISS and BM25 on this machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragapp.text.terms import TermCounts


@dataclass(frozen=True, slots=True)
class ScoreMoments:
    """Mean and standard deviation of a question's scores over every passage of a generation."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that either side found, in the order of their ids; arrays (n,).

    ids: chunk ids; dense: inner products; lexical: BM25. Both sides score all of them, and the
    moments are of all passages, also when the search was restricted to some documents.
    """

    ids: NDArray[np.int64]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    dense_moments: ScoreMoments
    lexical_moments: ScoreMoments


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages to be indexed, in the order of their ids, which ascend as documents do.

    ids, documents: (n,) int64; vectors: (n, k) float32, the compared ones, unit length.
    """

    ids: NDArray[np.int64]
    documents: NDArray[np.int64]
    vectors: NDArray[np.float32]
    terms: list[TermCounts]


@dataclass(frozen=True, slots=True)
class Changes:
    """What makes ``generation`` out of the one before it; ids of what is added are all new.

    space: version of the vector space that the vectors are in. added: blocks of passages, ids
    ascending through all; read once. whole: ``added`` is all there is, and nothing of the
    generation before is looked at. removed: (n,) int64 chunk ids.
    """

    generation: int
    space: int
    added: Iterable[Passages]
    removed: NDArray[np.int64]
    whole: bool = False


def whole_generation(generation: int, space: int, every: Iterable[Passages]) -> Changes:
    """Return the changes that make a generation of all its passages, given in blocks."""
    return Changes(generation, space, every, np.zeros(0, np.int64), whole=True)


class IndexDamaged(Exception):
    """What an index has kept does not match its checksums; make it anew from the store."""


class SearchIndex(Protocol):
    """One generation."""

    def generation(self) -> int:
        """Return its number."""

    def candidates(
        self,
        vector: NDArray[np.float32],
        asked: Mapping[str, float],
        depth: int,
        only: Collection[int] | None = None,
    ) -> Candidates:
        """Return the ``depth`` best passages of each side.

        vector: (k,) the question in the compared space, unit length. asked: its terms, and how
        much each counts. only: ids of the documents to search; exact, the best of those documents
        however they rank among all.
        """

    def frequencies(self, asked: Collection[str]) -> dict[str, int]:
        """Return how many passages hold each of some terms."""

    def size(self) -> int:
        """Return how many passages there are."""


class IndexBackend(Protocol):
    """Makes generations and opens them. ``apply`` and ``drop_others`` need the writer's lock."""

    def apply(self, changes: Changes, current: SearchIndex | None = None) -> SearchIndex | None:
        """Make a generation, complete and safe on disk, beside the one before.

        current: the generation before, as opened earlier; what it holds need not be read again.
        Returns the new one, ready to search, beside ``current``; None without.

        Raises:
            IndexDamaged: the generation before is absent or harmed; apply the whole.
        """

    def open(
        self, generation: int, space: int, current: SearchIndex | None = None
    ) -> SearchIndex | None:
        """Open a generation; None when it is absent, harmed or in another vector space."""

    def rebuild(self, changes: Changes) -> SearchIndex:
        """Make the current generation anew for a reader, who does not hold the writer's lock.

        changes: the whole. It is kept for others where that can be done.
        """

    def to_read(self, generation: int, current: SearchIndex | None) -> int | None:
        """Return how many passages ``open`` would read beside ``current``; None: no such one."""

    def drop_others(self, generation: int) -> None:
        """Delete what ``generation`` does not need."""
