"""Every statement of an answer carries the sentence that backs it, however the text arrives."""

import itertools

import pytest
from fixtures import excerpt

from ragapp.synthesis.cite import Citer
from ragapp.types import AnswerCited, AnswerText

EVIDENCE = (
    excerpt(1, "Whitening removes the anisotropy of sentence vectors.", "It needs a covariance."),
    excerpt(2, "FAISS searches vectors by inner product.", document="faiss.txt"),
    excerpt(
        3, "白化可以消除句向量的各向异性。", "知识库很小时要用背景协方差。", document="白化.pdf"
    ),
    excerpt(4, "The exponent 0.25 keeps 3.5 percent more, e.g. Qwen vectors.", document="b.md"),
)


def cited(*pieces):
    """Return the text shown, the citations sent, and the statements, of an answer in pieces."""
    citer = Citer(EVIDENCE)
    events = [event for piece in pieces for event in citer.push(piece)]
    events += citer.finish()
    text = "".join(e.text for e in events if isinstance(e, AnswerText))
    citations = [e.citation for e in events if isinstance(e, AnswerCited)]
    return text, citations, citer.statements


def shown(answer):
    return cited(answer)[0]


# --- marks ---


def test_a_right_mark_is_kept_and_resolved_to_its_sentence():
    text, [citation], _ = cited("Whitening removes anisotropy [1].")
    assert text == "Whitening removes anisotropy[1]."
    assert citation.number == 1
    assert citation.document == "a.md"
    assert citation.sentence == "Whitening removes the anisotropy of sentence vectors."
    assert EVIDENCE[0].text[citation.start : citation.end] == citation.sentence


def test_a_wrong_mark_is_moved_to_where_the_statement_is_backed():
    assert shown("FAISS searches vectors by inner product [3].").endswith("product[2].")


def test_a_missing_mark_is_added():
    assert shown("FAISS searches by inner product.") == "FAISS searches by inner product[2]."


def test_a_mark_that_nothing_backs_is_dropped_and_the_statement_listed():
    text, citations, statements = cited("Bananas are yellow and grow in Ecuador [1].")
    assert text == "Bananas are yellow and grow in Ecuador."
    assert citations == []
    assert [(s.text, s.citations) for s in statements] == [
        ("Bananas are yellow and grow in Ecuador", ())
    ]


def test_a_mark_of_an_excerpt_there_is_not():
    assert shown("Bananas are yellow [9].") == "Bananas are yellow."
    assert shown("FAISS searches vectors [9].") == "FAISS searches vectors[2]."


def test_a_loose_paraphrase_is_believed_where_the_model_points_at_it():
    # Three of eight terms are shared: too few to add a mark, enough to keep one.
    statement = "With whitening, embeddings from BERT lose much anisotropy"
    assert shown(f"{statement}.") == f"{statement}."
    assert shown(f"{statement} [1].") == f"{statement}[1]."


@pytest.mark.parametrize("marks", ["[1]", " [1]", "［1］", "【1】", "［１］", "【１】", "[ 1 ]"])
def test_marks_in_any_brackets(marks):
    assert shown(f"Whitening removes anisotropy{marks}.") == "Whitening removes anisotropy[1]."


@pytest.mark.parametrize("marks", ["[1][2]", "[1, 2]", "[1，2]", "［1、2］", "[1] [2]", "[1],[2]"])
def test_several_marks_on_one_statement(marks):
    answer = f"Whitening removes the anisotropy of vectors that FAISS searches by product{marks}."
    assert "product[1][2]." in shown(answer)


def test_the_same_mark_twice_is_shown_once():
    assert shown("Whitening removes anisotropy[1][1].") == "Whitening removes anisotropy[1]."


@pytest.mark.parametrize("text", ["In [2024] we wrote", "see [link](a.md)", "list[i]", "x[", "]"])
def test_other_brackets_are_text(text):
    assert shown(text) == text


# --- where statements end ---


@pytest.mark.parametrize("mark_and_stop", ["[3]。", "。[3]", " [3]。", "。 [3]", "。【3】"])
def test_a_chinese_mark_may_stand_on_either_side_of_the_stop(mark_and_stop):
    answer = f"白化消除各向异性{mark_and_stop}FAISS 按内积搜索。"
    text, citations, statements = cited(answer)
    assert text.startswith("白化消除各向异性[3]。")
    assert statements[0].text == "白化消除各向异性"
    assert citations[0].sentence == "白化可以消除句向量的各向异性。"


def test_an_english_mark_after_the_stop_belongs_to_the_statement_before():
    text, _, statements = cited("Whitening removes anisotropy. [1] Bananas are yellow fruit.")
    assert text == "Whitening removes anisotropy[1]. Bananas are yellow fruit."
    assert len(statements) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "The exponent 0.25 keeps 3.5 percent more",
        "It is version v1.2.3 of ragapp.cli in README.md",
        "Take a model, e.g. Qwen, for vectors",
        "Take a model, i.e. Qwen, for vectors",
        "Su et al. wrote about whitening",
        "See Fig. 3 for whitening, Dr. Su",
    ],
)
def test_a_point_inside_a_statement_does_not_end_it(statement):
    _, _, statements = cited(f"{statement}. Next one.")
    assert [s.text for s in statements] == [statement, "Next one"]


def test_statements_end_at_stops_and_line_ends():
    _, _, statements = cited("一句。二句！三句？四句；five. Six! Seven?\nEight\n- nine")
    assert [s.text for s in statements] == [
        "一句", "二句", "三句", "四句", "five", "Six", "Seven", "Eight", "- nine",
    ]  # fmt: skip


def test_an_answer_without_a_stop_is_finished():
    assert shown("Whitening removes anisotropy") == "Whitening removes anisotropy[1]"


def test_only_punctuation_is_no_statement():
    text, citations, statements = cited("... !? 。[1]\n\n")
    assert (citations, statements) == ([], [])
    assert "[1]" not in text


def test_an_empty_answer():
    assert cited() == ("", [], [])


def test_the_words_of_the_answer_are_left_as_they_are():
    answer = (
        "一、白化：\n\n- **Whitening** `removes` anisotropy!  Really?\n\n1. FAISS… “by product”."
    )
    text, citations, _ = cited(answer)
    for citation in citations:
        text = text.replace(f"[{citation.number}]", "", 1)
    assert text == answer


# --- however it is cut ---

ANSWERS = [
    "Whitening removes anisotropy [1]. FAISS searches by inner product. [2] Bananas are yellow.",
    "白化消除各向异性。[3][1]知识库很小时用背景协方差 [3] 。FAISS 按内积搜索！",
    "The exponent 0.25 keeps 3.5 percent, e.g. Qwen. [4] [1]\n\n- FAISS [1, 2]\n- 白化［3］。",
    "“Whitening removes anisotropy.” [1]（白化消除各向异性。）[3] Done...",
    "1. FAISS searches vectors [2].\n2. In [2024] list[i] [ 1 ] stays; x [12, 3] y 【3】？！",
    "   \n FAISS [2] \n\n\n [1]  ",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_where_the_text_is_cut_changes_nothing(answer):
    whole = cited(answer)
    for i in range(len(answer) + 1):
        assert cited(answer[:i], answer[i:]) == whole, (answer[:i], answer[i:])


@pytest.mark.parametrize("answer", ANSWERS)
def test_one_character_at_a_time_changes_nothing(answer):
    assert cited(*answer) == cited(answer)


@pytest.mark.parametrize("answer", [a[:40] for a in ANSWERS])
def test_cut_at_any_two_places_changes_nothing(answer):
    whole = cited(answer)
    for i, j in itertools.combinations(range(len(answer) + 1), 2):
        assert cited(answer[:i], answer[i:j], answer[j:]) == whole


def test_text_is_shown_as_it_comes():
    citer = Citer(EVIDENCE)
    so_far = "".join(e.text for e in citer.push("Whitening removes ani") if hasattr(e, "text"))
    assert so_far == "Whitening removes ani"
