"""Whitening: the published method exactly, and ours where there is little to fit on."""

import numpy as np
import pytest

from ragapp.embedding.whiten import (
    BackgroundStatistics,
    fit,
    fit_published,
    identity,
    moments,
    unit,
)
from ragapp.text.language import Language

D = 12
ZH, EN = Language.CHINESE, Language.ENGLISH


def sample(n, seed=0, shift=0.5):
    """Anisotropic vectors, as encoders give them."""
    generator = np.random.default_rng(seed)
    scales = np.linspace(2, 0.1, D)
    return (generator.normal(size=(n, D)) * scales + shift).astype(np.float32)


def languages(n):
    return [EN if i % 2 else ZH for i in range(n)]


@pytest.fixture
def background():
    vectors = sample(300, seed=9)
    both = moments(vectors, languages(300), D)
    return BackgroundStatistics({ZH: vectors[0] * 0.1, EN: vectors[1] * 0.1}, both, both)


# --- as published ---


def test_the_published_method_gives_unit_covariance_on_its_training_vectors():
    vectors = sample(500)
    fitted = fit_published(vectors, exponent=0.5, dimensions=8)
    mapped = (vectors - fitted.passage_means[EN]) @ fitted.passage_matrix
    assert mapped.shape == (500, 8)
    assert mapped.mean(axis=0) == pytest.approx(np.zeros(8), abs=1e-4)
    assert np.cov(mapped.T, bias=True) == pytest.approx(np.eye(8), abs=1e-3)


def test_the_published_method_equals_the_formula_of_the_paper():
    """Su et al. 2021, algorithm 1: W = U diag(1/sqrt(s)), the first k columns."""
    vectors = sample(500)
    mean = vectors.mean(axis=0)
    u, s, _ = np.linalg.svd(np.cov((vectors - mean).T, bias=True))
    w = (u @ np.diag(1 / np.sqrt(s)))[:, :8]
    expected = (vectors - mean) @ w
    fitted = fit_published(vectors, exponent=0.5, dimensions=8)
    mapped = (vectors - fitted.passage_means[EN]) @ fitted.passage_matrix
    assert np.abs(np.abs(mapped) - np.abs(expected)).max() < 1e-2  # axes are free in sign
    assert mapped @ mapped.T == pytest.approx(expected @ expected.T, abs=5e-2)


def test_one_mean_serves_all_in_the_published_method():
    fitted = fit_published(sample(50))
    for means in (fitted.question_means, fitted.passage_means, fitted.sentence_means):
        assert means[ZH].tolist() == means[EN].tolist() == sample(50).mean(axis=0).tolist()


@pytest.mark.parametrize("exponent", [0.1, 0.2, 0.5])
def test_the_exponent_scales_every_axis_by_its_variance(exponent):
    vectors = sample(500)
    fitted = fit_published(vectors, exponent=exponent)
    mapped = (vectors - fitted.passage_means[EN]) @ fitted.passage_matrix
    values = np.sort(np.linalg.eigvalsh(np.cov(vectors.T, bias=True)))[::-1]
    assert mapped.var(axis=0) == pytest.approx(values ** (1 - 2 * exponent), rel=1e-2)


def test_dimensions_keep_the_axes_of_most_variance():
    vectors = sample(500)
    all_axes = fit_published(vectors).passage_matrix
    assert fit_published(vectors, dimensions=3).passage_matrix == pytest.approx(all_axes[:, :3])


# --- with two means, by language, shrunk toward a background ---


@pytest.mark.parametrize("n", [0, 1, 5, 30])
def test_few_vectors_give_finite_unit_vectors(background, n):
    own = moments(sample(n), languages(n), D)
    fitted = fit(own, own, background, exponent=0.2)
    texts = sample(7, seed=3)
    for mapped in (
        fitted.passages(texts, languages(7)),
        fitted.sentences(texts, ZH),
        fitted.question(texts[0], EN)[None],
        fitted.question_for_sentences(texts[0], ZH)[None],
    ):
        assert np.linalg.norm(mapped, axis=1) == pytest.approx(np.ones(len(mapped)), abs=1e-5)


def test_nothing_to_fit_on_is_the_background_itself(background):
    none = moments(sample(0), [], D)
    fitted = fit(none, none, background, exponent=0.5, shrinkage=0)
    vectors = sample(300, seed=9)
    means = np.stack([background.passages.means[label] for label in languages(300)])
    mapped = (vectors - means) @ fitted.passage_matrix
    assert np.cov(mapped.T, bias=True) == pytest.approx(np.eye(D), abs=1e-3)


def test_many_vectors_outweigh_the_background(background):
    vectors = sample(20_000, seed=4, shift=-3)
    own = moments(vectors, [EN] * 20_000, D)
    fitted = fit(own, own, background, exponent=0.5, shrinkage=0)
    mapped = (vectors - fitted.passage_means[EN]) @ fitted.passage_matrix
    assert np.cov(mapped.T, bias=True) == pytest.approx(np.eye(D), abs=0.05)


def test_questions_and_passages_are_centred_by_their_own_mean(background):
    own = moments(sample(50), languages(50), D)
    fitted = fit(own, own, background, exponent=0.2)
    for language in Language:
        at_question_mean = fitted.question(background.question_means[language], language)
        at_passage_mean = fitted.passages(fitted.passage_means[language][None], [language])
        assert not at_question_mean.any()
        assert not at_passage_mean.any()
        assert fitted.question(fitted.passage_means[language], language).any()


def test_the_mean_of_a_language_is_of_its_own_texts(background):
    zh, en = sample(400, seed=1, shift=5), sample(400, seed=2, shift=-5)
    own = moments(np.concatenate([zh, en]), [ZH] * 400 + [EN] * 400, D)
    fitted = fit(own, own, background, exponent=0.2, prior_mean_passages=0)
    assert fitted.passage_means[ZH] == pytest.approx(zh.mean(axis=0), abs=1e-4)
    assert fitted.passage_means[EN] == pytest.approx(en.mean(axis=0), abs=1e-4)
    # and the distance between the languages is not taken for variance
    assert own.scatter / 800 == pytest.approx(
        (np.cov(zh.T, bias=True) + np.cov(en.T, bias=True)) / 2, abs=1e-2
    )


def test_a_language_without_texts_keeps_the_mean_of_the_background(background):
    own = moments(sample(50), [EN] * 50, D)
    fitted = fit(own, own, background, exponent=0.2)
    assert fitted.passage_means[ZH] == pytest.approx(background.passages.means[ZH], abs=1e-5)


def test_identity_only_scales_to_unit_length():
    vectors = sample(5)
    assert identity(D).passages(vectors, languages(5)) == pytest.approx(unit(vectors))


def test_unit_leaves_zero_rows_zero():
    assert unit(np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 0]] * 2
    assert unit(np.array([3.0, 4.0])).tolist() == pytest.approx([0.6, 0.8])
