"""A segment comes back as it was written, or not at all; joined ones leave nothing of the dead."""

from itertools import pairwise

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.backend import IndexDamaged, Passages
from ragapp.index.local import segment as segments
from ragapp.index.local import statistics
from ragapp.text.terms import term_counts

DIMENSION = 6


def passages(ids, seed=0):
    ids = np.array(ids, np.int64)
    vectors = unit(np.random.default_rng(seed).normal(size=(len(ids), DIMENSION)))
    return Passages(ids, ids // 10, vectors, [term_counts(f"number {i}") for i in ids.tolist()])


def assert_same(one, other):
    assert one.ids.tolist() == other.ids.tolist()
    assert one.documents.tolist() == other.documents.tolist()
    rows = np.arange(len(one.ids))
    assert one.vectors(rows).tolist() == other.vectors(rows).tolist()
    assert one.postings.lengths.tolist() == other.postings.lengths.tolist()
    assert one.postings.hashes.tolist() == other.postings.hashes.tolist()
    assert one.statistics(None).scatter == pytest.approx(other.statistics(None).scatter)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_save_and_load(tmp_path, n):
    built = segments.build(passages(range(10, 10 + n)))
    files = segments.save(built, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(files)
    loaded = segments.load(tmp_path, built.name, n, files)
    assert_same(loaded, built)
    assert (loaded.sums is not None) == (n >= 2 * DIMENSION)
    assert segments.load_ids(tmp_path, built.name).tolist() == built.ids.tolist()


def test_a_number_of_rows_that_is_not_the_manifest_s(tmp_path):
    built = segments.build(passages([1, 2, 3]))
    files = segments.save(built, tmp_path)
    with pytest.raises(IndexDamaged, match="different sizes"):
        segments.load(tmp_path, built.name, 2, files)


def test_two_of_the_same_content_have_names_of_their_own():
    assert segments.build(passages([1])).name != segments.build(passages([1])).name


def test_joining_leaves_the_dead_out():
    first, second = segments.build(passages(range(30))), segments.build(passages([50, 60, 70], 1))
    dead = np.zeros(30, bool)
    dead[[0, 7, 29]] = True
    merged = segments.merge([(first, dead), (second, None)])
    kept = [i for i in range(30) if i not in (0, 7, 29)]
    assert merged.ids.tolist() == [*kept, 50, 60, 70]
    assert merged.vectors(np.array([27, 28, 29])).tolist() == (
        second.vectors(np.arange(3)).tolist()
    )


@pytest.mark.parametrize("n", [5, 40])
def test_sums_over_the_rows_that_count(n):
    built = segments.build(passages(range(n)))
    dead = np.zeros(n, bool)
    dead[::3] = True
    live = np.flatnonzero(~dead)
    expected = statistics.of(built.vectors(live), built.postings.lengths[live])
    assert built.statistics(dead).scatter == pytest.approx(expected.scatter)
    assert (built.statistics(dead).size, built.statistics(dead).length) == (
        expected.size, expected.length,
    )  # fmt: skip


def test_ids_are_found_or_the_index_is_damaged():
    built = segments.build(passages([3, 5, 9]))
    assert built.rows_of(np.array([9, 3])).tolist() == [2, 0]
    for absent in (1, 4, 10):
        with pytest.raises(IndexDamaged):
            built.rows_of(np.array([3, absent]))


@pytest.mark.parametrize("sizes", [[3], [10, 10, 10], [7] * 30, [1, 40, 1, 60], [100], []])
def test_blocks_are_gathered_to_full_segments(monkeypatch, sizes):
    monkeypatch.setattr(segments, "FULL", 50)
    starts = np.cumsum([0, *sizes])
    blocks = [passages(range(a, b)) for a, b in pairwise(starts)]
    made = list(segments.gathered(iter(blocks)))
    assert [i for one in made for i in one.ids.tolist()] == list(range(sum(sizes)))
    assert sum(len(one.terms) for one in made) == sum(sizes)
    if sum(sizes) >= 50:
        assert all(50 <= len(one.ids) <= 200 for one in made)
    else:
        assert len(made) <= 1


def test_empty_blocks_make_nothing():
    assert list(segments.gathered([passages([]), passages([])])) == []
