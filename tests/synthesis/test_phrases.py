"""What ragapp says itself, in the language and script of the question."""

import string

import pytest

from ragapp.synthesis.phrases import phrases_for
from ragapp.types import Notice, NoticeKind
from ragapp.words.answers import ENGLISH, SIMPLIFIED, TRADITIONAL


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

    every = (ENGLISH, SIMPLIFIED, TRADITIONAL)
    assert len({phrases.refusal for phrases in every}) == 3
    for kind in NoticeKind:
        texts = [phrases.notices[kind] for phrases in every]
        assert len({frozenset(blanks(text)) for text in texts}) == 1
        assert len(set(texts)) == 3


def test_a_notice_is_filled_in():
    notice = Notice(NoticeKind.DROPPED_TURNS, {"count": 2})
    assert "2" in SIMPLIFIED.notice(notice)
