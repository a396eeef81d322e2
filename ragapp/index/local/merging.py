"""Which segments are written together anew, so that they stay few and each row moves seldom.

Segments are kept in the order of their ids, and only neighbours are merged. Whenever ten at the
end are of one order of magnitude, or below it, they become one, and when those behind the last
full one would make a full one together. A full one is left as it is: a passage is written about
once for each order of magnitude up to that size, and no publish costs more than one full segment.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragapp.index.local.dense import EXACT_BELOW

FULL = EXACT_BELOW
"""Rows from which on a segment stays as it is: its vectors are then coded, which takes seconds."""
FACTOR = 10
"""Segments of one order of magnitude before they are merged; 10 as in Lucene's tiered policy."""
DEAD_SHARE = 0.25
"""Of the rows of a segment, from which on it is written anew without them."""


def runs_to_merge(rows: Sequence[int], dead: Sequence[int]) -> list[range]:
    """Return the neighbouring segments, oldest first, each run of which shall become one.

    rows, dead: of each segment. A run of one is a segment with too many dead rows.
    """
    run = range(_end_to_merge(rows), len(rows))
    between = _between_full_ones(rows)
    worn = [i for i in range(run.start) if dead[i] and dead[i] >= DEAD_SHARE * rows[i]]
    taken = {i for each in between for i in each}
    alone = [range(i, i + 1) for i in worn if i not in taken]
    return sorted([*alone, *between], key=lambda each: each.start) + ([run] if run else [])


def _between_full_ones(rows: Sequence[int]) -> list[range]:
    """Return the runs of smaller segments that a full one has come behind."""
    runs, start = [], 0
    for place, size in enumerate(rows):
        if size >= FULL:
            if place - start > 1:
                runs.append(range(start, place))
            start = place + 1
    return runs


def _end_to_merge(rows: Sequence[int]) -> int:
    """Return the first segment of the end that is due; the number of segments when none is."""
    first = len(rows)
    while first and rows[first - 1] < FULL:
        first -= 1
    if len(rows) - first > 1 and sum(rows[first:]) >= FULL:
        return first
    due, size = len(rows), rows[-1] if rows else 0
    while True:
        start = due
        while start > first and len(str(rows[start - 1])) <= len(str(size)):
            start -= 1
        merged_before = 1 if due < len(rows) else 0
        if due - start + merged_before < FACTOR:
            return due
        due, size = start, sum(rows[start:])
