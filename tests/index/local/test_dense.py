"""Exact inner products, of all rows or of some."""

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.local import dense


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(1).normal(size=(500, 24)) + 0.3)


@pytest.fixture
def question():
    return unit(np.random.default_rng(2).normal(size=24))


def test_top_is_brute_force(vectors, question):
    expected = np.argsort(-(vectors @ question))[:10]
    rows, scores = dense.top(dense.build(vectors), question, 10, None)
    assert rows.tolist() == expected.tolist()
    assert scores == pytest.approx(vectors[expected] @ question, abs=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_top_of_the_allowed_rows_is_brute_force_over_those(vectors, question, share):
    allowed = np.random.default_rng(3).random(500) < share
    allowed[17] = True
    every = np.where(allowed, vectors @ question, -np.inf)
    expected = np.argsort(-every)[: min(10, allowed.sum())]
    rows, _ = dense.top(dense.build(vectors), question, 10, allowed)
    assert rows.tolist() == expected.tolist()


def test_no_row_allowed_and_no_row_at_all(vectors, question):
    assert dense.top(dense.build(vectors), question, 5, np.zeros(500, bool))[0].tolist() == []
    assert dense.top(dense.build(vectors[:0]), question, 5, None)[0].tolist() == []


def test_more_wanted_than_there_are(vectors, question):
    rows, _ = dense.top(dense.build(vectors[:3]), question, 10, None)
    assert sorted(rows) == [0, 1, 2]


def test_vectors_come_back_as_they_went_in(vectors):
    rows = np.array([3, 400, 17])
    assert dense.vectors(dense.build(vectors), rows).tolist() == vectors[rows].tolist()


@pytest.mark.parametrize("n", [0, 1, 500])
def test_write_and_read(vectors, question, n, tmp_path):
    built = dense.build(vectors[:n])
    with (tmp_path / "dense").open("wb") as file:
        dense.write(built, file.write)
    loaded = dense.read((tmp_path / "dense").read_bytes())
    assert loaded.ntotal == n
    assert dense.top(loaded, question, 9, None)[0].tolist() == (
        dense.top(built, question, 9, None)[0].tolist()
    )


def test_an_error_while_writing_comes_through(vectors):
    def full(_data):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        dense.write(dense.build(vectors), full)
