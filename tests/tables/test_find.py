"""The most or the least of what sentences of one pattern state."""

from dataclasses import replace

import pytest

from ragapp.tables.find import stated
from ragapp.tables.plan import Function
from tests.retrieval.hits import hit

RENTS = {"wu.txt": 2900, "sun.txt": 5100, "chen.txt": 4200}


def hits(pattern):
    return [
        replace(hit(pattern.format(rent), [0.5], path=f"/d/{name}"), document_id=number)
        for number, (name, rent) in enumerate(RENTS.items())
    ]


@pytest.mark.parametrize(
    ("question", "function", "values"),
    [
        ("Who pays the highest rent?", Function.MOST, [5100, 4200, 2900]),
        ("Where is the rent lowest?", Function.LEAST, [2900, 4200, 5100]),
    ],
)
def test_clauses_of_one_template_are_compared(question, function, values):
    found = stated(question, function, hits("Clause 3: the rent is {} euros a month."))
    assert [one.value for one in found] == values
    assert found[0].text in found[0].hit.text


def test_other_sentences_are_not_compared():
    texts = ["The rent is 20 euros.", "All in all 900 people of the town pay no rent, as we hear."]
    unlike = [hit(text, [0.5], path=f"/d/{text[:5]}.txt") for text in texts]
    assert stated("What is the highest rent?", Function.MOST, unlike) is None
    assert stated("What is the highest rent?", Function.MOST, unlike[:1]) is None
    assert stated("What is the highest rent?", Function.MOST, []) is None


def test_a_degree_that_belongs_to_the_name_asks_for_no_comparison():
    lows = hits("The minimum rent is {} euros.")
    assert stated("What is the minimum rent of chen?", Function.LEAST, lows) is None


def test_rows_are_left_to_their_table():
    rows = hits("Name: x | Rent: {} euros.")
    assert stated("Who pays the highest rent?", Function.MOST, rows) is None
