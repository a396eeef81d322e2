"""Exact inner products, and their moments without computing them all."""

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index import dense


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(1).normal(size=(500, 24)) + 0.3)


@pytest.fixture
def question():
    return unit(np.random.default_rng(2).normal(size=24))


def test_top_is_brute_force(vectors, question):
    expected = np.argsort(-(vectors @ question))[:10]
    assert dense.build(vectors).top(question, 10).tolist() == expected.tolist()


def test_scores_of_some_rows(vectors, question):
    rows = np.array([3, 400, 17])
    assert dense.build(vectors).scores(question, rows) == pytest.approx(vectors[rows] @ question)


def test_score_moments_are_mean_and_deviation_of_all_scores(vectors, question):
    scores = (vectors @ question).astype(np.float64)
    mean, deviation = dense.build(vectors).score_moments(question)
    assert mean == pytest.approx(scores.mean(), abs=1e-5)
    assert deviation == pytest.approx(scores.std(), abs=1e-5)


def test_more_wanted_than_there_are(vectors, question):
    assert sorted(dense.build(vectors[:3]).top(question, 10)) == [0, 1, 2]


def test_one_row_and_none(vectors, question):
    one = dense.build(vectors[:1])
    assert one.top(question, 5).tolist() == [0]
    assert one.score_moments(question)[1] == pytest.approx(0, abs=1e-6)
    none = dense.build(vectors[:0])
    assert none.top(question, 5).tolist() == []
    assert none.score_moments(question) == (0, 0)


def test_save_and_load(vectors, question, tmp_path):
    built = dense.build(vectors)
    dense.save(built, tmp_path / "dense")
    loaded = dense.load(tmp_path / "dense")
    assert loaded.top(question, 9).tolist() == built.top(question, 9).tolist()
    assert loaded.score_moments(question) == pytest.approx(built.score_moments(question))


def test_an_empty_index_saves_and_loads(vectors, tmp_path):
    dense.save(dense.build(vectors[:0]), tmp_path / "dense")
    assert dense.load(tmp_path / "dense").faiss_index.ntotal == 0
