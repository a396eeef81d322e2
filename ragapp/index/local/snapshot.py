"""One generation of the local index in memory: its segments, each with the rows that count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.backend import Candidates, ScoreMoments
from ragapp.index.local import dense, lexical, statistics
from ragapp.index.local.segment import Segment
from ragapp.index.local.statistics import Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment with its dead rows, (rows,) bool; None: none is. dead_file: where they lie."""

    segment: Segment
    dead: NDArray[np.bool_] | None
    dead_file: str

    def live(self) -> NDArray[np.bool_] | None:
        """Return which rows count, None: all do."""
        return None if self.dead is None else ~self.dead

    def dead_rows(self) -> NDArray[np.bool_]:
        """Return which rows do not count."""
        return np.zeros(len(self.segment.ids), np.bool_) if self.dead is None else self.dead

    def allowed(self, only: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Return which rows count and are of some documents, sorted; None: all rows."""
        if only is None:
            return self.live()
        documents = self.segment.documents
        starts = np.searchsorted(documents, only, "left")
        ends = np.searchsorted(documents, only, "right")
        bounds = np.zeros(len(documents) + 1, np.int64)
        np.add.at(bounds, starts, 1)
        np.add.at(bounds, ends, -1)
        allowed = np.cumsum(bounds[:-1]) > 0
        return allowed if self.dead is None else allowed & ~self.dead


@dataclass(frozen=True, eq=False)
class LocalSnapshot:
    """A generation, ready to search. Rows are counted through all parts, in their order."""

    number: int
    parts: tuple[Part, ...]
    statistics: Statistics

    @cached_property
    def _postings(self) -> list[lexical.LivePostings]:
        return [lexical.LivePostings(part.segment.postings, part.live()) for part in self.parts]

    @cached_property
    def _offsets(self) -> NDArray[np.int64]:
        return np.cumsum([0, *(len(part.segment.ids) for part in self.parts)])

    def generation(self) -> int:
        """Return its number."""
        return self.number

    def candidates(
        self,
        vector: NDArray[np.float32],
        asked: Mapping[str, float],
        depth: int,
        only: Collection[int] | None = None,
    ) -> Candidates:
        """Return the ``depth`` best passages of each side (see ``backend.SearchIndex``)."""
        if not self.statistics.size:
            nothing, zero = np.zeros(0, np.float32), ScoreMoments(0.0, 0.0)
            return Candidates(np.zeros(0, np.int64), nothing, nothing, zero, zero)
        wanted = None if only is None else np.array(sorted(only), np.int64)
        allowed = [part.allowed(wanted) for part in self.parts]
        size, mean_length = self.statistics.size, self.statistics.mean_length()
        lexical_all = lexical.scores(self._postings, asked, size, mean_length)
        searched = lexical_all
        if only is not None:
            searched = np.where(np.concatenate(allowed), lexical_all, np.float32(0))  # type: ignore[arg-type]
        nearest = self._dense_top(vector, depth, allowed, exact=only is not None)
        rows = np.union1d(nearest, _top(searched, depth))
        ids, scores = self._look_up(vector, rows)
        return Candidates(
            ids=ids,
            dense=scores,
            lexical=lexical_all[rows],
            dense_moments=self.statistics.dense_moments(vector),
            lexical_moments=self.statistics.lexical_moments(lexical_all),
        )

    def frequencies(self, asked: Collection[str]) -> dict[str, int]:
        """Return how many passages hold each of some terms."""
        return lexical.frequencies(self._postings, asked)

    def size(self) -> int:
        """Return how many passages there are."""
        return self.statistics.size

    def _dense_top(
        self,
        vector: NDArray[np.float32],
        depth: int,
        allowed: Sequence[NDArray[np.bool_] | None],
        *,
        exact: bool,
    ) -> NDArray[np.int64]:
        rows, scores = [], []
        for part, rows_allowed, offset in zip(self.parts, allowed, self._offsets, strict=False):
            if rows_allowed is not None and not rows_allowed.any():
                continue
            found, of = dense.top(part.segment.dense, vector, depth, rows_allowed, exact=exact)
            rows.append(found + offset)
            scores.append(of)
        if not rows:
            return np.zeros(0, np.int64)
        order = np.argsort(-np.concatenate(scores), kind="stable")[:depth]
        best: NDArray[np.int64] = np.concatenate(rows)[order]
        return best

    def _look_up(
        self, vector: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and inner products of some rows, sorted."""
        ids = np.zeros(len(rows), np.int64)
        scores = np.zeros(len(rows), np.float32)
        bounds = np.searchsorted(rows, self._offsets)
        for part, offset, start, end in zip(
            self.parts, self._offsets, bounds, bounds[1:], strict=False
        ):
            if end > start:
                mine = rows[start:end] - offset
                ids[start:end] = part.segment.ids[mine]
                scores[start:end] = part.segment.vectors(mine) @ vector
        return ids, scores


def assemble(number: int, parts: Sequence[Part], before: LocalSnapshot | None) -> LocalSnapshot:
    """Make a generation of its parts; sums are taken over what differs from ``before`` only."""
    known = {part.segment.name: part for part in before.parts} if before else {}
    dimensions = [part.segment.dense.d for part in parts]
    kept = [known[p.segment.name] for p in parts if p.segment.name in known]
    if before is None or not kept:
        sums = statistics.none(dimensions[0] if dimensions else 0)
        known = {}
    else:
        sums = before.statistics
        gone = set(known) - {part.segment.name for part in kept}
        for name in gone:
            sums = sums.minus(known[name].segment.statistics(known[name].dead))
    for part in parts:
        old = known.get(part.segment.name)
        if old is None:
            sums = sums.plus(part.segment.statistics(part.dead))
        elif part.dead_file != old.dead_file:
            now, then = part.dead_rows(), old.dead_rows()
            sums = sums.minus(part.segment.statistics_of(np.flatnonzero(now & ~then)))
            # None revives, unless an older copy of the folder has been put in its place.
            sums = sums.plus(part.segment.statistics_of(np.flatnonzero(then & ~now)))
    return LocalSnapshot(number, tuple(parts), sums)


def _top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rows of the k highest scores above zero, in no order."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > k:
        rows = rows[np.argpartition(-scores[rows], k)[:k]]
    return rows
