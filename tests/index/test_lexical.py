"""BM25, checked against the formula on paper."""

import math

import numpy as np
import pytest

from ragapp.index import lexical
from ragapp.text.terms import term_counts

DOCUMENTS = ["the cat sat on the mat", "the dog chased the cat", "白化 句向量", "birds sing"]


def built(documents=DOCUMENTS, **options):
    return lexical.build([term_counts(text) for text in documents], **options)


def test_a_score_is_what_the_formula_gives_by_hand():
    # "dog" is in one document of three, once; that one has 4 terms, the mean is (3 + 4 + 2) / 3.
    index = built(["cat sat mat", "dog sees dog cat", "one bird"], k1=0.9, b=0.4)
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    norm = 0.9 * (1 - 0.4 + 0.4 * 4 / 3)
    expected = idf * 2 * (0.9 + 1) / (2 + norm)
    assert index.scores("dog").tolist() == pytest.approx([0, expected, 0], rel=1e-6)


def test_a_query_sums_its_terms_and_repeats_count():
    index = built()
    both = index.scores("cat") + index.scores("dog")
    assert index.scores("dog cat") == pytest.approx(both)
    assert index.scores("dog dog") == pytest.approx(2 * index.scores("dog"))


def test_a_term_in_every_document_never_scores_below_zero():
    index = built(["cat", "cat dog", "cat bird"])
    assert (index.scores("cat") > 0).all()


def test_unknown_terms_and_empty_queries_score_zero():
    index = built()
    assert not index.scores("zebra").any()
    assert not index.scores("").any()


def test_traditional_and_full_width_queries_find_simplified_text():
    assert built().scores("白化句向量")[2] == built().scores("白化句向量")[2] > 0
    assert built(["BM25 检索"]).scores("ＢＭ２５ 檢索")[0] > 0


def test_term_weights_are_shares_and_the_unseen_weighs_most():
    weights = built().term_weights("the cat and a zebra zebra")
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["zebra"] == max(weights.values())
    assert weights["zebra"] > weights["cat"]
    assert built().term_weights("。") == {}


def test_the_empty_index_answers(tmp_path):
    index = built([])
    assert index.scores("cat").shape == (0,)
    assert sum(index.term_weights("cat dog").values()) == pytest.approx(1)
    lexical.save(index, tmp_path / "empty")
    assert lexical.load(tmp_path / "empty").size == 0


def test_documents_without_terms_are_rows_like_any_other():
    index = built(["", "cat", "。"])
    assert index.size == 3
    assert np.flatnonzero(index.scores("cat")).tolist() == [1]
    assert np.isfinite(built(["", ""]).scores("cat")).all()


def test_save_and_load_give_the_same_scores(tmp_path):
    index = built()
    lexical.save(index, tmp_path / "lexical")
    loaded = lexical.load(tmp_path / "lexical")
    for query in ("cat", "the dog", "句向量", "nothing here"):
        assert loaded.scores(query).tolist() == index.scores(query).tolist()
        assert loaded.term_weights(query) == index.term_weights(query)
