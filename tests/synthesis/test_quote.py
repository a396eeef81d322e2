"""Answers by quotation."""

from fixtures import excerpt

from ragapp.synthesis.quote import quote
from ragapp.types import AnswerCited, AnswerText


def quoted(*evidence):
    events = list(quote(evidence))
    text = "".join(e.text for e in events if isinstance(e, AnswerText))
    return text, [e.citation for e in events if isinstance(e, AnswerCited)]


def test_the_best_sentences_come_first_each_with_its_citation():
    text, citations = quoted(
        excerpt(1, "Second best.", score=0.8), excerpt(2, "The best\nof all.", score=0.9)
    )
    assert text == "“The best of all.” [2]\n“Second best.” [1]"
    assert [c.number for c in citations] == [2, 1]
    assert citations[0].sentence == "The best\nof all."


def test_at_most_three_and_none_far_behind_the_best():
    assert quoted(*(excerpt(i, f"Sentence {i}.") for i in range(1, 6)))[0].count("\n") == 2
    text, _ = quoted(excerpt(1, "Near.", score=1.0), excerpt(2, "Far.", score=0.45))
    assert text == "“Near.” [1]"


def test_the_same_words_in_two_places_are_one_quotation():
    text, citations = quoted(excerpt(1, "Same words."), excerpt(2, "Same words."))
    assert text == "“Same words.” [1]"
    assert len(citations) == 1


def test_no_evidence_no_words():
    assert quoted() == ("", [])
