"""Chinese, or anything else."""

import pytest

from ragapp.text.language import Language, language_of


@pytest.mark.parametrize(
    "text",
    ["白化是什么？", "白化是什麼？", "BERT whitening 是怎么做的？", "用 FAISS 检索向量", "豈"],
)
def test_chinese(text):
    assert language_of(text) is Language.CHINESE


@pytest.mark.parametrize(
    "text", ["What is whitening?", "What does 白化 mean in BERT?", "", "123 ...", "Où est-il ?"]
)
def test_not_chinese(text):
    assert language_of(text) is Language.ENGLISH
