"""Terms are the same for a document and for whoever asks about it."""

import hashlib

import pytest

from ragapp.text.terms import TERMS_VERSION, fold, term_counts, term_hash, terms, terms_among


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＢＭ２５", "bm25"),
        ("軟體", "软体"),
        ("檢索與向量", "检索与向量"),
        ("ﬁle", "FILE"),
        ("Ｑ＆Ａ", "q&a"),
        ("ﾃﾞｰﾀ", "データ"),
    ],
)
def test_forms_of_the_same_word_give_the_same_terms(one, other):
    assert terms(one) == terms(other) != []


def test_a_han_run_gives_each_character_and_each_pair():
    assert terms("向量检索") == ["向", "量", "检", "索", "向量", "量检", "检索"]


def test_pairs_do_not_cross_punctuation_or_latin():
    assert "量检" not in terms("向量，检索")
    assert terms("用FAISS检索") == ["用", "faiss", "检", "索", "检索"]


def test_han_beyond_the_basic_plane_is_han():
    assert terms("𠮷野") == ["𠮷", "野", "𠮷野"]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("chunks", "chunk"), ("queries", "query"), ("replaced", "replacing"), ("книги", "книга")],
)
def test_a_form_of_a_word_finds_the_others(plural, singular):
    assert terms(plural) == terms(singular) != []


@pytest.mark.parametrize("word", ["class", "corpus", "gas", "is", "k4613"])
def test_what_is_no_form_of_another_word_stays(word):
    assert terms(word) == [word]


def test_an_accented_word_stays_one_word():
    assert terms("naïve Übung") == ["naïve", "übung"]
    assert terms("e\u0301tude") == terms("étude")  # decomposed and composed


def test_nothing_in_nothing_out():
    assert terms("") == terms("。，!? \n") == []
    assert len(term_counts("").hashes) == 0


def test_counts_are_of_distinct_terms_sorted_by_hash():
    counted = term_counts("dog dogs cat DOG")
    assert sorted(counted.hashes.tolist()) == counted.hashes.tolist()
    by_hash = dict(zip(counted.hashes.tolist(), counted.counts.tolist(), strict=True))
    assert by_hash == {term_hash("dog"): 3, term_hash("cat"): 1}


def test_a_count_beyond_16_bits_is_held_at_the_highest():
    assert term_counts("dog " * 70_000).counts.tolist() == [65535]


@pytest.mark.parametrize(
    "text",
    [
        "Whitening removes anisotropy from vectors.",
        "白化可以消除句向量的各向异性。",
        "檢索軟體用ＢＭ２５，也用 FAISS。",
        "",
    ],
)
def test_the_terms_sought_are_found_as_if_all_were_cut(text):
    asked = set(terms("Which vectors does FAISS whitening 白化句向量 检索软件 BM25?"))
    assert terms_among(asked, text) == set(terms(text)) & asked


def test_folding_maps_traditional_to_simplified():
    assert fold("繁體中文檢索") == "繁体中文检索"


def test_the_stored_rules_have_not_changed():
    """Terms lie in knowledge bases as hashes: other hashes need another ``TERMS_VERSION``."""
    digest = hashlib.sha256()
    for text in (
        "Whitening removes anisotropy from the vectors' classes.",
        "檢索軟體用ＢＭ２５，也用 FAISS：㐂𠮷豈ﬁ。",
        "ﾃﾞｰﾀ と 한국어 naïve Übung 頭髮乾燥",
        "2.1 第三章 queries 123 e\u0301tude",
        "SB-2023-0171, 14.1.2, C++ 1,150 on 8 March 2026 книги",
    ):
        counted = term_counts(text)
        digest.update(counted.hashes.astype("<u8").tobytes())
        digest.update(counted.counts.astype("<u2").tobytes())
    assert TERMS_VERSION == 2
    assert digest.hexdigest() == "7f3bfc9e36aec61da0a52041966747e533e3fc51989e6c4aadce7e022ab93376"
