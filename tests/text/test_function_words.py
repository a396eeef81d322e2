"""What only asks carries no weight; what is asked for keeps it."""

import pytest

from ragapp.text.function_words import question_terms


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("What is the trip current?", {"trip", "current"}),
        ("How much is a Tesla tyre change?", {"tesla", "tyre", "chang"}),
        ("How long should I roast a chicken?", {"roast", "chicken"}),
        ("Please list all members", {"member"}),
        ("公司有多少员工？", {"公", "司", "公司", "员", "工", "员工"}),
        ("烘箱放在哪里？", {"烘", "箱", "放", "烘箱", "箱放", "放在"}),
    ],
)
def test_asking_words_are_left_out(question, kept):
    assert set(question_terms(question)) == kept


def test_a_question_of_nothing_else_keeps_them():
    assert question_terms("Who is it?") == ["who", "is", "it"]
    assert question_terms("") == []


def test_repeats_are_kept():
    assert question_terms("rain and rain") == ["rain", "rain"]
