"""What a question is answered from: an index of one generation and the vector space it is in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ragapp.index.backend import Passages, SearchIndex
from ragapp.index.rows import IndexRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VectorSpace(Protocol):
    """How raw vectors become the compared ones (embedding.space; plain arrays in and out)."""

    def outgrown(self, fitted_on: int, passages: int) -> bool:
        """Say whether a fit on so many passages no longer suits so many."""

    def fit(
        self,
        vectors: NDArray[np.float32],
        texts: Sequence[str],
        sentences: Iterable[tuple[str, NDArray[np.float32]]],
    ) -> dict[str, NDArray[np.float32]]:
        """Fit on raw vectors; return the state."""

    def apply(
        self,
        state: Mapping[str, NDArray[np.float32]],
        vectors: NDArray[np.float32],
        texts: Sequence[str],
    ) -> NDArray[np.float32]:
        """Map raw passage vectors to the compared ones."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A generation with the state of its vector space (what ``VectorSpace.fit`` returned)."""

    index: SearchIndex
    space_state: Mapping[str, NDArray[np.float32]]

    @property
    def generation(self) -> int:
        """Return its number."""
        return self.index.generation()


def compared(
    blocks: Iterable[IndexRows], space: VectorSpace, state: Mapping[str, NDArray[np.float32]]
) -> Iterator[Passages]:
    """Bring stored passages into a vector space, block by block."""
    for rows in blocks:
        vectors = space.apply(state, rows.vectors, rows.openings)
        yield Passages(rows.ids, rows.documents, vectors, rows.terms)
