"""A follow-up is searched with what it refers to; a question of its own is not."""

import numpy as np
import pytest

from ragapp.errors import EmptyQuestion, QuestionTooLong
from ragapp.retrieval.query import in_context, make_query
from ragapp.types import Turn

HISTORY = [Turn("What is whitening of sentence vectors?", "A linear map.")]
VERLAUF = [Turn("句向量的白化是什么？", "一种线性变换。")]


@pytest.mark.parametrize(
    "question",
    [
        "Why does it help?", "What about BERT?", "And its exponent?", "How so?",
        "Who proposed that?",
        "Does this also hold for Chinese?", "Why?",
    ],
)  # fmt: skip
def test_an_english_follow_up_carries_the_question_before(question):
    assert in_context(question, HISTORY) == f"{HISTORY[0].question} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "它有什么用？", "为什么？", "那 BERT 呢？", "这种方法是谁提出的？", "其指数取多少？",
        "怎么实现？",
        "該方法有什麼缺點？", "為什麼這樣做？", "上述方法适合小知识库吗？", "还有别的办法吗？",
    ],
)  # fmt: skip
def test_a_chinese_follow_up_carries_the_question_before(question):
    assert in_context(question, VERLAUF) == f"{VERLAUF[0].question} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How does a FAISS inverted index cluster vectors?",
        "Which parameters are there in BM25 scoring?",
        "FAISS 的倒排索引如何聚类向量？",
        "繁體中文的檢索要注意什麼問題？",
        "用其他模型做嵌入时要注意什么？",
        "其实 BM25 的参数 b 有什么作用？",
        "学习率应该设成多少才合适？",
        "为什么白化对检索有帮助？",
        "怎么用 FAISS 建倒排索引？",
        "Why does whitening of sentence vectors help retrieval?",
    ],
)
def test_a_question_of_its_own_stays_as_it_is(question):
    assert in_context(question, HISTORY + VERLAUF) == question


def test_without_history_nothing_is_carried():
    assert in_context("  Why does it help? ", []) == "Why does it help?"


def test_a_chain_goes_back_to_the_last_question_of_its_own():
    chain = [
        *VERLAUF, Turn("How does FAISS search vectors quickly?", ""), Turn("Why does it help?", ""),
    ]  # fmt: skip
    assert in_context("And then?", chain) == (
        "How does FAISS search vectors quickly? Why does it help? And then?"
    )


@pytest.mark.parametrize("question", ["", "   ", "？！", "...", "\n"])
def test_an_empty_question_is_refused(question, samples):
    with pytest.raises(EmptyQuestion):
        make_query(question, HISTORY, samples.encoder)


def test_a_query_is_what_is_searched_encoded(samples):
    query = make_query("为什么？", VERLAUF, samples.encoder)
    assert query.text == "句向量的白化是什么？ 为什么？"
    assert np.linalg.norm(query.vector) == pytest.approx(1, abs=1e-5)
    assert query.language == "zh"


def test_a_question_longer_than_the_encoder_takes_is_refused(samples):
    with pytest.raises(QuestionTooLong):
        make_query("What is whitening good for? " * 200, [], samples.encoder)


def test_a_long_conversation_does_not_make_a_follow_up_too_long(samples):
    long = [Turn("Whitening of vectors, explained at length, please. " * 40, "")]
    query = make_query("Why does it help?", long, samples.encoder)
    assert query.text.endswith("Why does it help?")
