"""The state of a vector space goes into the store as arrays and comes back the same."""

import numpy as np
import pytest

from ragapp.embedding.space import VectorSpace, from_arrays, to_arrays
from ragapp.embedding.whiten import BackgroundStatistics, moments, unit
from ragapp.text.language import Language

D = 10
TEXTS = ["白化", "whitening removes", "检索", "retrieval finds"]


@pytest.fixture
def space():
    vectors = unit(np.random.default_rng(5).normal(size=(60, D)))
    labels = [Language.CHINESE, Language.ENGLISH] * 30
    part = moments(vectors, labels, D)
    return VectorSpace(
        D, BackgroundStatistics(dict.fromkeys(Language, vectors[0]), part, part), 0.2
    )


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(6).normal(size=(4, D)))


def test_arrays_and_back(space, vectors):
    state = space.fit(vectors, TEXTS, [(t, v[None]) for t, v in zip(TEXTS, vectors, strict=True)])
    assert all(a.dtype == np.float32 and a.ndim == 2 for a in state.values())
    whitening = from_arrays(state)
    again = to_arrays(whitening)
    assert {k: v.tolist() for k, v in again.items()} == {k: v.tolist() for k, v in state.items()}
    labels = [Language.CHINESE, Language.ENGLISH] * 2
    assert (
        space.apply(state, vectors, TEXTS).tolist() == whitening.passages(vectors, labels).tolist()
    )


def test_without_background_vectors_are_compared_raw(vectors):
    raw = VectorSpace(D, None, 0.2)
    assert raw.fit(vectors, TEXTS, []) == {}
    assert raw.apply({}, vectors, TEXTS) == pytest.approx(vectors)


@pytest.mark.parametrize("shared_mean", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_any_number_of_passages(space, vectors, n, shared_mean):
    space = VectorSpace(D, space.background, 0.5, shared_mean=shared_mean)
    state = space.fit(vectors[:n], TEXTS[:n], [(TEXTS[0], vectors[:n])] * 2)
    mapped = space.apply(state, vectors[:n], TEXTS[:n])
    assert mapped.shape == (n, D)
    assert np.isfinite(mapped).all()


def test_fewer_dimensions(space, vectors):
    small = VectorSpace(D, space.background, 0.2, dimensions=3)
    state = small.fit(vectors, TEXTS, [])
    assert small.apply(state, vectors, TEXTS).shape == (4, 3)
    assert small.apply(state, vectors[:0], []).shape == (0, 3)
