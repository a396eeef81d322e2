"""Tables read back from a document's text, planned and computed."""

import sqlite3

import pytest

from ragapp.tables.numbers import quantities, quantity
from ragapp.tables.plan import Function, plan
from ragapp.tables.rows import tables_in
from ragapp.tables.run import _loaded, run

SALES = """Sales of the year.

Region: Berlin | Product: Bicycle | Units: 12 | Revenue: €7,200
Region: Berlin | Product: Helmet | Units: 9 | Revenue: €450
Region: Munich | Product: Bicycle | Units: 15 | Revenue: €9,000
Region: Hamburg | Product: Scooter | Units: 20

A word about them."""


@pytest.mark.parametrize(
    ("cell", "value"),
    [("€1,150", 1150), ("9 EUR", 9), ("24 V", 24), ("12%", 12), ("1.234,50", 1234.5),
     ("1.2万", 12000), ("5000元", 5000), ("-5", -5), ("K-4613", None), ("2026-01", None),
     ("E04", None), ("", None), ("two", None)],
)  # fmt: skip
def test_quantities_of_cells(cell, value):
    assert quantity(cell) == (None if value is None else pytest.approx(value))


def test_numbers_of_clauses_are_no_quantities():
    assert [value for _, value in quantities("第3条 租金为每月5100元")] == [5100]


def test_a_table_is_read_back_with_its_places():
    [table] = tables_in(SALES)
    assert table.columns == ("Region", "Product", "Units", "Revenue")
    assert table.numeric() == [False, False, True, True]
    assert SALES[table.rows[0].start :].startswith("Region: Berlin")
    assert table.rows[3].cells == ("Hamburg", "Scooter", "20", "")


@pytest.mark.parametrize(
    ("question", "value", "rows"),
    [
        ("What is the total revenue in Berlin?", 7650, (0, 1)),
        ("What is the average revenue?", 5550, (0, 1, 2, 3)),
        ("Which region had the highest revenue?", None, (2,)),
        ("Top 2 by units", None, (3, 2)),
        ("How many units of the bicycle were sold?", 27, (0, 2)),
        ("How many rows have more than 10 units?", 3, (0, 2, 3)),
    ],
)
def test_questions_are_computed(question, value, rows):
    [table] = tables_in(SALES)
    computed = run(plan(question, table), table)
    assert computed.value == (None if value is None else pytest.approx(value))
    assert computed.rows == rows
    assert computed.sql.startswith("SELECT ")


@pytest.mark.parametrize(
    "question", ["Who sold the scooter?", "What is the most important thing?", "How many people?"]
)
def test_what_is_not_clear_is_not_computed(question):
    [table] = tables_in(SALES)
    assert plan(question, table) is None


def test_the_name_of_a_column_is_no_function():
    text = "Part: K-1 | Minimum stock: 5\nPart: K-2 | Minimum stock: 7"
    [table] = tables_in(text)
    assert plan("What is the minimum stock of part K-2?", table) is None
    assert plan("lowest minimum stock", table).function is Function.LEAST


def test_the_database_can_only_be_read():
    [table] = tables_in(SALES)
    connection = _loaded(table)
    for statement in ('DELETE FROM "table"', "ATTACH '/tmp/x' AS x", "PRAGMA user_version = 3"):
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            connection.execute(statement)
    connection.close()


def test_names_that_would_end_a_query_are_names():
    text = 'A": 1; DROP TABLE "table: x | B: 2\nA": 1; DROP TABLE "table: y | B: 3'
    for table in tables_in(text):
        planned = plan("total B", table)
        assert planned is None or run(planned, table).value == 5
