"""Segments stay few, and a row is written about once for each order of magnitude."""

import math
import random

import pytest

from ragapp.index.local.merging import FACTOR, FULL, runs_to_merge


def grow(sizes):
    """Publish segments of these sizes; return how many there were at most, and rows written."""
    rows, most, written = [], 0, 0
    for size in sizes:
        rows.append(size)
        written += size
        for run in reversed(runs_to_merge(rows, [0] * len(rows))):
            total = sum(rows[place] for place in run)
            written += total
            rows[run.start : run.stop] = [total]
        most = max(most, len(rows))
    assert sum(rows) == sum(sizes)
    return most, written


@pytest.mark.parametrize(
    "sizes",
    [
        [1] * 5000,
        [3] * 2000,
        [1, 1000] * 500,
        [1000, 1] * 500,
        [random.Random(1).choice([1, 2, 5, 30, 400]) for _ in range(3000)],
        [int(random.Random(2).paretovariate(0.7)) for _ in range(3000)],
    ],
)
def test_few_segments_and_little_rewriting(sizes):
    most, written = grow(sizes)
    orders = math.log10(sum(sizes)) + 1
    assert most <= FACTOR * orders
    assert written <= 2 * orders * sum(sizes)


def test_ten_of_a_kind_become_one():
    assert runs_to_merge([1] * 9, [0] * 9) == []
    assert runs_to_merge([1] * 10, [0] * 10) == [range(10)]
    assert runs_to_merge([5000, *[1] * 10], [0] * 11) == [range(1, 11)]


def test_a_merge_that_makes_a_tenth_goes_on():
    rows = [100] * 9 + [10] * 9 + [1] * 10
    assert runs_to_merge(rows, [0] * len(rows)) == [range(len(rows))]


def test_a_segment_with_many_dead_rows_is_written_anew():
    assert runs_to_merge([1000, 1], [249, 0]) == []
    assert runs_to_merge([1000, 1], [250, 0]) == [range(1)]
    assert runs_to_merge([1, 1000], [1, 0]) == [range(1)]


def test_nothing_to_do():
    assert runs_to_merge([], []) == []
    assert runs_to_merge([7], [0]) == []


def test_a_full_segment_stays_as_it_is():
    assert runs_to_merge([FULL] * 30, [0] * 30) == []
    assert runs_to_merge([FULL] * 3 + [1] * 10, [0] * 13) == [range(3, 13)]
    assert runs_to_merge([FULL, 10], [FULL // 4, 0]) == [range(1)]  # but for its dead


def test_those_that_make_a_full_one_together_become_one():
    assert runs_to_merge([FULL // 2, FULL // 2 - 1], [0, 0]) == []
    assert runs_to_merge([FULL, FULL // 2, FULL // 2], [0, 0, 0]) == [range(1, 3)]


def test_however_a_base_grows_no_merge_is_much_larger_than_a_full_segment():
    chance = random.Random(3)
    rows = []
    for _ in range(2000):
        rows.append(min(FULL, int(1000 * chance.paretovariate(0.8))))
        for run in reversed(runs_to_merge(rows, [0] * len(rows))):
            total = sum(rows[place] for place in run)
            assert total < 2 * FULL
            rows[run.start : run.stop] = [total]
    full = sum(size >= FULL for size in rows)
    assert len(rows) - full <= full + 60


def test_small_ones_that_a_full_one_has_come_behind_become_one():
    assert runs_to_merge([5, 7, FULL], [0, 0, 0]) == [range(2)]
    assert runs_to_merge([FULL, 5, 7, FULL, 9], [0] * 5) == [range(1, 3)]
    assert runs_to_merge([5, FULL, 7, FULL, 9], [0] * 5) == []
    assert runs_to_merge([5, 7, FULL] + [1] * 10, [5, 0, 0] + [0] * 10) == [range(2), range(3, 13)]
