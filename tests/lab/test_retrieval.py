"""Measuring retrieval on a SQuAD-format file."""

import json

import pytest

from ragapp.errors import UsageError
from ragapp.lab.retrieval import evaluate_retrieval, figures, read_squad
from ragapp.settings import Settings

PARAGRAPHS = {
    "Whitening removes the anisotropy of sentence vectors. It is a linear map.": [
        "What removes anisotropy?"
    ],
    "FAISS searches vectors by inner product. It was written for large collections.": [
        "How are vectors searched?", "Which library serves large collections?"
    ],
    "白化可以消除句向量的各向异性。它只是一个线性变换。": ["怎样消除各向异性？"],
    "BM25 根据词频和文档长度给文档打分。": ["BM25 怎样打分？"],
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    data = [{"paragraphs": [
        {"context": context, "qas": [{"question": q, "answers": []} for q in questions]}
    ]} for context, questions in PARAGRAPHS.items()]  # fmt: skip
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"version": "1", "data": data}, ensure_ascii=False), "utf-8")
    return path


def test_a_file_is_read_with_the_passage_of_each_question(file):
    data = read_squad(file)
    assert data.passages == tuple(PARAGRAPHS)
    assert data.questions[1] == ("How are vectors searched?", 1)
    assert [right for _, right in data.questions] == [0, 1, 1, 2, 3]


@pytest.mark.parametrize("content", ["", "[]", '{"data": [{}]}', '{"data": 3}', "{"])
def test_another_format_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="SQuAD"):
        read_squad(path)
    with pytest.raises(UsageError):
        read_squad(tmp_path / "missing.json")


def test_figures_by_hand():
    result = figures(7, [1, 2, None, 10])
    assert (result["passages"], result["questions"]) == (7, 4)
    assert (result["recall@1"], result["recall@5"], result["recall@10"]) == (0.25, 0.5, 0.75)
    assert result["mrr@10"] == pytest.approx((1 + 1 / 2 + 1 / 10) / 4)
    assert result["ndcg@10"] == pytest.approx((1 + 1 / 1.5849625 + 1 / 3.4594316) / 4)


def test_no_questions_no_division():
    assert figures(3, [])["mrr@10"] == 0


@pytest.mark.parametrize("stage", ["dense", "rerank"])
def test_a_stage_is_measured(file, models_dir, stage):
    result = evaluate_retrieval(file, Settings(models=models_dir), stage)
    assert (result["passages"], result["questions"]) == (4, 5)
    assert result["recall@5"] == 1
    assert result["mrr@10"] > 0.6


def test_a_limit_takes_questions_spread_out(file, models_dir):
    """Without whitening, and by words alone: the cheapest measurement there is."""
    settings = Settings(models=models_dir).having(whitening=False)
    result = evaluate_retrieval(file, settings, "lexical", limit=3)
    assert (result["questions"], result["recall@1"]) == (3, 1)
