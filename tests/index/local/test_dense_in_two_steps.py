"""A segment so large that codes say which of its vectors to look at."""

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.local import dense


@pytest.fixture(scope="module", autouse=True)
def small_segments():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense, "EXACT_BELOW", 3000)
        patched.setattr(dense, "TRAINED_ON", 1000)
        yield


@pytest.fixture(scope="module", params=[24, 25])
def many(request):
    return unit(np.random.default_rng(5).normal(size=(4000, request.param)) + 0.3)


@pytest.fixture(scope="module")
def built(many):
    return dense.build(many)


def test_the_best_are_those_of_brute_force(built, many):
    found = 0
    for question in unit(np.random.default_rng(6).normal(size=(50, many.shape[1]))):
        expected = np.argsort(-(many @ question))[:10]
        rows, scores = dense.top(built, question, 40, None)
        assert scores == pytest.approx(many[rows] @ question, abs=1e-3)
        assert (np.diff(scores) <= 0).all()
        found += len(set(rows[:10]) & set(expected))
    assert found >= 0.98 * 500


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.9])
def test_rows_that_do_not_count_are_left_out(built, many, question, share):
    allowed = np.random.default_rng(3).random(4000) < share
    allowed[17] = True
    rows, _ = dense.top(built, question, 10, allowed)
    assert allowed[rows].all()
    assert len(rows) == min(10, allowed.sum())
    every = np.where(allowed, many @ question, -np.inf)
    assert rows[0] == np.argmax(every)


def test_the_nearest_rows_are_all_dead(built, many, question):
    dead = np.argsort(-(many @ question))[:1000]
    allowed = np.ones(4000, bool)
    allowed[dead] = False
    rows, _ = dense.top(built, question, 100, allowed)
    assert len(rows) == 100
    assert allowed[rows].all()


def test_exact_is_brute_force_over_the_allowed(built, many, question):
    allowed = np.random.default_rng(3).random(4000) < 0.3
    every = np.where(allowed, many @ question, -np.inf)
    _, scores = dense.top(built, question, 50, allowed, exact=True)
    assert scores == pytest.approx(np.sort(every)[::-1][:50], abs=1e-3)


def test_no_row_allowed_and_more_wanted_than_there_are(built, question):
    assert dense.top(built, question, 5, np.zeros(4000, bool))[0].tolist() == []
    assert len(dense.top(built, question, 9999, None)[0]) == 4000


def test_vectors_come_back_nearly(built, many):
    rows = np.array([3999, 0, 17])
    assert dense.vectors(built, rows) == pytest.approx(many[rows], abs=1e-3)


def test_write_and_read(built, question):
    written = bytearray()
    dense.write(built, written.extend)
    loaded = dense.read(bytes(written))
    assert loaded.ntotal == 4000
    for one, other in zip(
        dense.top(built, question, 30, None), dense.top(loaded, question, 30, None),
        strict=True,
    ):  # fmt: skip
        assert one.tolist() == other.tolist()


@pytest.fixture
def question(many):
    return unit(np.random.default_rng(2).normal(size=many.shape[1]))
