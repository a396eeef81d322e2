"""BM25, checked against the formula on paper, whole and in parts."""

import math
from collections import Counter

import numpy as np
import pytest

from ragapp.index.local import lexical
from ragapp.index.local.lexical import LivePostings
from ragapp.text.terms import term_counts, terms

DOCUMENTS = ["the cat sat on the mat", "the dog chased the cat", "白化 句向量", "birds sing"]


class Index:
    """Segments of texts, some of them dead, with the figures a snapshot would keep."""

    def __init__(self, *segments, dead=()):
        self.parts, self.size, length, row = [], 0, 0, 0
        for texts in segments:
            postings = lexical.build([term_counts(text) for text in texts])
            live = np.array([row + i not in dead for i in range(len(texts))], bool)
            row += len(texts)
            self.parts.append(LivePostings(postings, None if live.all() else live))
            self.size += int(live.sum())
            length += int(postings.lengths[live].sum())
        self.mean_length = length / max(1, self.size)

    def scores(self, query):
        return lexical.scores(self.parts, Counter(terms(query)), self.size, self.mean_length)

    def frequencies(self, text):
        return lexical.frequencies(self.parts, set(terms(text)))


def test_a_score_is_what_the_formula_gives_by_hand():
    # "dog" is in one document of three, twice; that one has 4 terms, the mean is (3 + 4 + 2) / 3.
    index = Index(["cat sat mat", "dog sees dog cat", "one bird"])
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    norm = 0.9 * (1 - 0.4 + 0.4 * 4 / 3)
    expected = idf * 2 * (0.9 + 1) / (2 + norm)
    assert index.scores("dog").tolist() == pytest.approx([0, expected, 0], rel=1e-6)


def test_a_query_sums_its_terms_and_repeats_count():
    index = Index(DOCUMENTS)
    both = index.scores("cat") + index.scores("dog")
    assert index.scores("dog cat") == pytest.approx(both)
    assert index.scores("dog dog") == pytest.approx(2 * index.scores("dog"))


def test_a_term_in_every_document_never_scores_below_zero():
    assert (Index(["cat", "cat dog", "cat bird"]).scores("cat") > 0).all()


def test_unknown_terms_and_empty_queries_score_zero():
    assert not Index(DOCUMENTS).scores("zebra").any()
    assert not Index(DOCUMENTS).scores("").any()


def test_traditional_and_full_width_queries_find_simplified_text():
    assert Index(DOCUMENTS).scores("白化句向量")[2] > 0
    assert Index(["BM25 检索"]).scores("ＢＭ２５ 檢索")[0] > 0


def test_frequencies_are_of_rows_not_of_repeats():
    assert Index(DOCUMENTS).frequencies("the cat and a zebra zebra") == {
        "the": 2, "cat": 2, "and": 0, "a": 0, "zebra": 0,
    }  # fmt: skip
    assert Index(DOCUMENTS).frequencies("。") == {}


def test_the_empty_index_answers():
    assert Index([]).scores("cat").shape == Index().scores("cat").shape == (0,)
    assert Index().frequencies("cat dog") == {"cat": 0, "dog": 0}


def test_documents_without_terms_are_rows_like_any_other():
    index = Index(["", "cat", "。"])
    assert np.flatnonzero(index.scores("cat")).tolist() == [1]
    assert np.isfinite(Index(["", ""]).scores("cat")).all()


def test_parts_score_as_one_does():
    for query in ("cat", "the dog", "句向量", "nothing here"):
        whole, parts = Index(DOCUMENTS), Index(DOCUMENTS[:1], [], DOCUMENTS[1:])
        assert parts.scores(query).tolist() == whole.scores(query).tolist()
        assert parts.frequencies(query) == whole.frequencies(query)


def test_dead_rows_count_for_nothing():
    for query in ("cat", "the dog", "birds 句向量"):
        left = Index([DOCUMENTS[0], DOCUMENTS[3]])
        index = Index(DOCUMENTS[:2], DOCUMENTS[2:], dead={1, 2})
        assert index.scores(query)[[0, 3]].tolist() == left.scores(query).tolist()
        assert not index.scores(query)[[1, 2]].any()
        assert index.frequencies(query) == left.frequencies(query)


def test_merging_is_building_anew_without_the_dead():
    index = Index(DOCUMENTS[:2], DOCUMENTS[2:], dead={1})
    merged = lexical.to_arrays(lexical.merge(index.parts))
    alone = [term_counts(text) for place, text in enumerate(DOCUMENTS) if place != 1]
    expected = lexical.to_arrays(lexical.build(alone))
    # The terms of dead rows alone must be gone, too: their hashes would tell what was deleted.
    assert {k: v.tolist() for k, v in merged.items()} == {
        k: v.tolist() for k, v in expected.items()
    }


def test_arrays_and_back():
    postings = lexical.build([term_counts(text) for text in DOCUMENTS])
    again = lexical.from_arrays(lexical.to_arrays(postings))
    for name in ("hashes", "starts", "rows", "counts", "lengths"):
        before, after = getattr(postings, name), getattr(again, name)
        assert (before.dtype, before.tolist()) == (after.dtype, after.tolist())
