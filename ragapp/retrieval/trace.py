"""How a search came to its hits: every candidate's scores and ranks by stage, and what was cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ragapp.retrieval.fuse import Fused
from ragapp.types import Hit


class Cut(StrEnum):
    """Why a candidate is not among the hits."""

    DEPTH = "depth"  # its fused rank is beyond what is read and reranked
    DELETED = "deleted"  # its document has gone from the store since the index was opened
    COUNT = "count"  # reranked, and beyond the number of hits wanted


@dataclass(frozen=True, slots=True)
class TracedCandidate:
    """A candidate through the stages. Ranks start at 1, among the candidates; None: not reranked.

    cut: None for a hit.
    """

    chunk_id: int
    dense: float
    dense_rank: int
    lexical: float
    lexical_rank: int
    fused: float
    fused_rank: int
    reranked: float | None
    reranked_rank: int | None
    cut: Cut | None


@dataclass(frozen=True, slots=True)
class Trace:
    """A search. Columns over the candidates by fused rank; ``candidates`` puts them together.

    reranked: (chunk id, score) by final rank, the first ``hits`` of which are the hits;
    deleted: chunk ids that were read and not there.
    """

    query: str
    generation: int
    hits: int
    ids: tuple[int, ...]
    dense: tuple[float, ...]
    lexical: tuple[float, ...]
    fused: tuple[float, ...]
    reranked: tuple[tuple[int, float], ...]
    deleted: frozenset[int]

    def candidates(self) -> Iterator[TracedCandidate]:
        """Yield every candidate considered, by fused rank."""
        dense_ranks, lexical_ranks = _ranks(self.dense), _ranks(self.lexical)
        final = {chunk: (rank, score) for rank, (chunk, score) in enumerate(self.reranked, start=1)}
        for place, chunk in enumerate(self.ids):
            rank, score = final.get(chunk, (None, None))
            yield TracedCandidate(
                chunk_id=chunk,
                dense=self.dense[place],
                dense_rank=dense_ranks[place],
                lexical=self.lexical[place],
                lexical_rank=lexical_ranks[place],
                fused=self.fused[place],
                fused_rank=place + 1,
                reranked=score,
                reranked_rank=rank,
                cut=self._cut(chunk, rank),
            )

    def to_json(self) -> dict[str, object]:
        """Return plain values: the query, the generation, and a row for each candidate."""
        rows = [dataclasses.asdict(candidate) for candidate in self.candidates()]
        return {"query": self.query, "generation": self.generation, "candidates": rows}

    def _cut(self, chunk: int, rank: int | None) -> Cut | None:
        if rank is not None:
            return None if rank <= self.hits else Cut.COUNT
        return Cut.DELETED if chunk in self.deleted else Cut.DEPTH


def trace(
    query: str,
    generation: int,
    found: Fused,
    reranked: Sequence[Hit],
    hits: int,
    deleted: Collection[int],
) -> Trace:
    """Note down a search; cheap, as ranks and rows are made only when they are asked for."""
    return Trace(
        query=query,
        generation=generation,
        hits=hits,
        ids=tuple(found.ids.tolist()),
        dense=tuple(found.dense.tolist()),
        lexical=tuple(found.lexical.tolist()),
        fused=tuple(found.scores.tolist()),
        reranked=tuple((hit.chunk_id, hit.score) for hit in reranked),
        deleted=frozenset(deleted),
    )


def _ranks(scores: Sequence[float]) -> list[int]:
    """Return the rank of each score, the highest 1; equals in their order."""
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    result: list[int] = ranks.tolist()
    return result
