"""Fusion by z-scores over all passages, though only candidates are scored."""

from collections import Counter

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.backend import Passages, whole_generation
from ragapp.index.local import lexical
from ragapp.index.local.index import LocalIndex
from ragapp.retrieval.fuse import fuse, z_score
from ragapp.text.terms import term_counts, terms

WORDS = [
    "whitening",
    "vector",
    "retrieval",
    "sentence",
    "passage",
    "白化",
    "检索",
    "句子",
    "faiss",
    "model",
]


def asked(text):
    return Counter(terms(text))


@pytest.fixture
def built(tmp_path):
    """Make an index of n random passages; returns it with ids, vectors and terms."""

    def build(n, seed=0):
        generator = np.random.default_rng(seed)
        texts = [" ".join(generator.choice(WORDS, size=6)) for _ in range(n)]
        vectors = unit(generator.normal(size=(n, 16)) + 0.4)
        ids = np.arange(n) * 3 + 7
        passages = Passages(ids, ids, vectors, [term_counts(text) for text in texts])
        return LocalIndex(tmp_path).rebuild(whole_generation(1, 1, [passages])), passages

    return build


@pytest.fixture
def question():
    return unit(np.random.default_rng(99).normal(size=16))


def test_z_score():
    values = np.array([1.0, 2.0, 3.0], np.float32)
    assert z_score(values) == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])
    assert z_score(values, 1.0, 2.0) == pytest.approx([0, 0.5, 1])
    assert z_score(np.full(3, 0.7, np.float32)).tolist() == [0, 0, 0]
    assert z_score(values[:0], 0.0, 1.0).tolist() == []


@pytest.mark.parametrize("text", ["faiss retrieval", "白化检索", "no such words", ""])
def test_candidates_are_what_brute_force_finds(built, question, text):
    index, passages = built(300)
    scores = passages.vectors @ question
    postings = lexical.build(passages.terms)
    mean_length = postings.lengths.mean()
    bm25 = lexical.scores([lexical.LivePostings(postings, None)], asked(text), 300, mean_length)
    fused = z_score(scores) + z_score(bm25)
    expected = passages.ids[np.argsort(-fused, kind="stable")[:10]]
    found = fuse(index.candidates(question, asked(text), 300))
    assert found.ids[:10].tolist() == expected.tolist()
    rows = (found.ids - 7) // 3
    assert found.scores == pytest.approx(fused[rows], abs=1e-4)
    assert found.dense == pytest.approx(scores[rows], abs=1e-5)
    assert found.lexical == pytest.approx(bm25[rows])


def test_the_depth_of_the_lists_does_not_change_scores(built, question):
    index, _ = built(300)
    deep = fuse(index.candidates(question, asked("faiss 检索"), 300))
    shallow = fuse(index.candidates(question, asked("faiss 检索"), 20))
    by_id = dict(zip(deep.ids.tolist(), deep.scores.tolist(), strict=True))
    assert 20 <= len(shallow.ids) <= 40
    for chunk, score in zip(shallow.ids.tolist(), shallow.scores.tolist(), strict=True):
        assert score == pytest.approx(by_id[chunk], abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_small_knowledge_bases(built, question, n):
    found = fuse(built(n)[0].candidates(question, asked("faiss"), 200))
    assert len(found.ids) == n
    assert np.isfinite(found.scores).all()
