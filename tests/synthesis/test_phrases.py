"""What ragapp says itself, in the language and script of the question."""

import dataclasses
import string

import pytest

from ragapp.synthesis.phrases import ENGLISH, SIMPLIFIED, TRADITIONAL, phrases_for


@pytest.mark.parametrize(
    ("question", "phrases"),
    [
        ("What is whitening?", ENGLISH),
        ("How does 白化 work in BERT?", ENGLISH),
        ("白化是什么？", SIMPLIFIED),
        ("BERT 的白化是什么？", SIMPLIFIED),
        ("白化是什麼？", TRADITIONAL),
        ("請問怎樣檢索？", TRADITIONAL),
        ("Qu'est-ce que c'est?", ENGLISH),
    ],
)
def test_the_language_is_that_of_the_question(question, phrases):
    assert phrases_for(question) is phrases


def test_every_language_has_the_same_blanks():
    def blanks(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for field in dataclasses.fields(ENGLISH):
        texts = [getattr(phrases, field.name) for phrases in (ENGLISH, SIMPLIFIED, TRADITIONAL)]
        assert len({frozenset(blanks(text)) for text in texts}) == 1
        assert len(set(texts)) == 3
