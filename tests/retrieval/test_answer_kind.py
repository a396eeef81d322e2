"""A number, a time or a reason that is asked for leaves its mark in the answer."""

import pytest

from ragapp.retrieval.answer_kind import AnswerKind, holds, kind_asked_for


@pytest.mark.parametrize(
    ("question", "kind", "answers", "does_not"),
    [
        ("How many are there?", AnswerKind.NUMBER, "There are twelve.", "There are some."),
        ("有多少人？", AnswerKind.NUMBER, "共有三百名学生。", "学生很多。"),
        ("When was it built?", AnswerKind.TIME, "It was built in 1868.", "It is built of stone."),
        ("什么时候开放？", AnswerKind.TIME, "每年五月开放。", "对公众开放。"),
        ("Why does it work?", AnswerKind.REASON, "It works because of this.", "It works well."),
        ("为什么有效？", AnswerKind.REASON, "因为方向分布不均。", "方法有效。"),
    ],
)
def test_kinds(question, kind, answers, does_not):
    assert kind_asked_for(question) is kind
    assert holds(answers, kind)
    assert not holds(does_not, kind)


def test_other_questions_ask_for_no_kind():
    assert kind_asked_for("Who wrote the book?") is None
    assert kind_asked_for("谁写的？") is None


def test_the_number_of_an_item_is_no_number():
    assert not holds("3. Mask the padding.", AnswerKind.NUMBER)
    assert not holds("第五条 承租人应当爱护房屋。", AnswerKind.NUMBER)
