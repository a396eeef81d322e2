"""Sums over passages: adding and taking away gives what counting anew gives."""

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.local import statistics


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(1).normal(size=(500, 24)) + 0.3)


@pytest.fixture
def lengths():
    return np.random.default_rng(2).integers(1, 50, 500).astype(np.int32)


@pytest.fixture
def question():
    return unit(np.random.default_rng(3).normal(size=24))


def test_dense_moments_are_mean_and_deviation_of_all_scores(vectors, lengths, question):
    scores = (vectors @ question).astype(np.float64)
    moments = statistics.of(vectors, lengths).dense_moments(question)
    assert moments.mean == pytest.approx(scores.mean(), abs=1e-6)
    assert moments.deviation == pytest.approx(scores.std(), abs=1e-6)


def test_adding_and_taking_away(vectors, lengths, question):
    expected = statistics.of(vectors[:300], lengths[:300])
    sums = statistics.none(24)
    for part in (slice(0, 200), slice(200, 450), slice(450, 500)):
        sums = sums.plus(statistics.of(vectors[part], lengths[part]))
    sums = sums.minus(statistics.of(vectors[300:], lengths[300:]))
    assert (sums.size, sums.length) == (expected.size, expected.length)
    assert sums.mean_length() == pytest.approx(lengths[:300].mean())
    assert sums.scatter == pytest.approx(expected.scatter, abs=1e-9)
    got, wanted = sums.dense_moments(question), expected.dense_moments(question)
    assert (got.mean, got.deviation) == pytest.approx((wanted.mean, wanted.deviation), abs=1e-9)


def test_lexical_moments_are_mean_and_deviation_of_all_that_count():
    scores = np.array([0, 3.5, 0, 0, 1.25, 0], np.float32)
    sums = statistics.of(unit(np.ones((5, 2))), np.ones(5, np.int32))  # the last row is dead
    moments = sums.lexical_moments(scores)
    assert moments.mean == pytest.approx(scores[:5].mean())
    assert moments.deviation == pytest.approx(scores[:5].std())


def test_one_passage_varies_not_at_all_and_none_has_no_moments(vectors, lengths, question):
    one = statistics.of(vectors[:1], lengths[:1])
    assert one.dense_moments(question).deviation == pytest.approx(0, abs=1e-6)
    none = statistics.none(24)
    assert none.mean_length() == 0
    assert none.dense_moments(question) == none.lexical_moments(np.zeros(0, np.float32))
