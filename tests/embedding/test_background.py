"""Background statistics: computed once for a model and pooling, then read."""

import numpy as np
import pytest
from fixtures import E5

from ragapp import paths
from ragapp.embedding.background import background_statistics
from ragapp.embedding.whiten import fit, moments
from ragapp.text.language import Language
from ragapp.text.sentences import sentence_spans


@pytest.fixture(scope="module")
def file(models_dir, encoder):
    file = paths.background_statistics(models_dir, E5, encoder.pooling.value)
    background_statistics(encoder, file, sentence_spans)
    return file


def test_the_second_time_it_is_read(encoder, file, monkeypatch):
    monkeypatch.setattr(type(encoder), "hidden_batches", None)  # would be called to compute
    read = background_statistics(encoder, file, sentence_spans)
    assert set(read.question_means) == set(Language)
    assert all(mean.shape == (384,) for mean in read.question_means.values())
    assert all(count > 20 for count in read.passages.counts.values())
    assert sum(read.sentences.counts.values()) > sum(read.passages.counts.values())


def test_questions_and_passages_do_have_different_means(encoder, file):
    read = background_statistics(encoder, file, sentence_spans)
    for language in Language:
        distance = np.linalg.norm(read.question_means[language] - read.passages.means[language])
        assert distance > 0.05


def test_it_is_enough_to_whiten_with_alone(encoder, file):
    read = background_statistics(encoder, file, sentence_spans)
    none = moments(np.zeros((0, 384), np.float32), [], 384)
    fitted = fit(none, none, read, exponent=0.2)
    vectors = encoder.encode_queries(["白化是什么？", "今天天气怎么样？"])
    centred = [fitted.question(vector, Language.CHINESE) for vector in vectors]
    assert centred[0] @ centred[1] < 0.5 < vectors[0] @ vectors[1]  # raw, all are alike
