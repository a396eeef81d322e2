"""A question → a query over the columns of a table: templates over what is recognised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragapp.tables.numbers import TIMES, plain_number
from ragapp.tables.rows import Table
from ragapp.text.function_words import ENGLISH, question_terms
from ragapp.text.terms import fold, terms


class Function(StrEnum):
    """What is computed of the rows that remain."""

    SUM = "sum"
    AVERAGE = "avg"
    COUNT = "count"
    MOST = "max"
    LEAST = "min"


@dataclass(frozen=True, slots=True)
class Condition:
    """A column, a comparison of SQL, and what it is compared with."""

    column: int
    comparison: str
    value: str | float


@dataclass(frozen=True, slots=True)
class Plan:
    """column: what is computed of, None to count rows; first: how many rows are wanted."""

    function: Function
    column: int | None
    conditions: tuple[Condition, ...] = ()
    first: int = 1


_FUNCTIONS = (
    (Function.AVERAGE, re.compile(r"\b(?:average|mean)\b|平均|均值")),
    (
        Function.SUM,
        re.compile(r"\b(?:total|sum|altogether|combined|overall)\b|合计|总和|总计|总共|一共|总额|加起来|总数"),
    ),
    (
        Function.LEAST,
        re.compile(
            r"\b(?:lowest|smallest|least|fewest|minimum|shortest|cheapest|youngest|earliest|lightest"
            r"|slowest)\b|最(?:低|小|少|短|便宜|轻|早|慢|差)"
        ),
    ),
    (
        Function.MOST,
        re.compile(
            r"\b(?:highest|largest|biggest|greatest|most|maximum|longest|tallest|oldest|latest|newest"
            r"|heaviest|dearest|fastest|top)\b|最[高大多长贵重晚新快远]|前 ?[\d两三五十]+"
        ),
    ),
    (
        Function.COUNT,
        re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b|多少|几[个种条行项家人名款]"),
    ),
)  # fmt: skip
_FIRST = re.compile(
    r"\btop (\d+)|\b(\d+) (?:highest|largest|biggest|most|lowest|smallest|least|cheapest)"
    r"|前\s*(\d+)"
)
_WRITTEN = {"two": 2, "three": 3, "five": 5, "ten": 10, "两": 2, "三": 3, "五": 5, "十": 10}
_WRITTEN_FIRST = re.compile(r"\b(?:top|the) (two|three|five|ten)\b|前([两三五十])")
_SPACED = re.compile(r"[\x00-\u024f]+")
_OVER = re.compile(
    r"(?P<op>more than|over|above|greater than|at least|no less than|fewer than|less than|under"
    r"|below|at most|no more than|超过|大于|高于|多于|不低于|不少于|至少|小于|低于|少于|不超过"
    r"|至多|最多)"
    r"\s*[$€£¥￥]?\s*(?P<number>\d[\d.,]*)\s*(?P<times>[万亿])?"
)
_OPERATORS = {
    **dict.fromkeys(
        ("more than", "over", "above", "greater than", "超过", "大于", "高于", "多于"), ">"
    ),
    **dict.fromkeys(("at least", "no less than", "不低于", "不少于", "至少"), ">="),
    **dict.fromkeys(("fewer than", "less than", "under", "below", "小于", "低于", "少于"), "<"),
    **dict.fromkeys(("at most", "no more than", "不超过", "至多", "最多"), "<="),
}
_ROWS = re.compile(r"\b(?:rows?|records?|entries|lines|items)\b|[条行项]记录|(?:多少|几)[条行项]")
_MEASURES = (  # what an adjective is about, where no column is named
    (
        re.compile(r"expensive|cheap|dear|贵|便宜"),
        ("price", "cost", "amount", "fee", "价", "费", "金额"),
    ),
    (re.compile(r"\bold|young|年纪|年龄"), ("age", "year", "年龄", "岁")),
    (re.compile(r"heav|light|重|轻"), ("weight", "mass", "重量")),
)


def function_of(question: str) -> Function | None:
    """Return what a question asks to be computed, None: nothing that is recognised."""
    folded = fold(question)
    return next((function for function, asks in _FUNCTIONS if asks.search(folded)), None)


def plan(question: str, table: Table) -> Plan | None:
    """Return the query that answers a question from a table, None where it is not clear."""
    folded = fold(question)
    numeric = table.numeric()
    values = _named_values(folded, table, numeric)
    bounds = _bounds(folded, table, numeric)
    conditions = (*values, *bounds)
    asked = set(question_terms(_OVER.sub(" ", folded)))
    taken = {condition.column for condition in conditions}
    column = _measure(folded, asked, table, numeric, taken)
    name = "" if column is None else fold(table.columns[column])
    function = function_of(folded.replace(name, " ") if name else folded)
    if function is Function.COUNT and column is None:
        names_rows = bool(set(terms(table.columns[0])) & asked) or bool(_ROWS.search(folded))
        return Plan(function, None, conditions) if conditions or names_rows else None
    if function is None or column is None:
        return None
    if function is Function.COUNT:  # "how many units were sold in Hamburg": of all its rows
        return Plan(Function.SUM, column, conditions) if conditions else None
    first = _first(folded) if function in (Function.MOST, Function.LEAST) else 1
    return Plan(function, column, conditions, first)


def _measure(
    folded: str, asked: set[str], table: Table, numeric: Sequence[bool], taken: set[int]
) -> int | None:
    scored = []
    for column, name in enumerate(table.columns):
        if numeric[column] and column not in taken:
            named = set(terms(name))
            hinted = any(
                adjective.search(folded) and any(word in fold(name) for word in words)
                for adjective, words in _MEASURES
            )
            share = len(named & asked) / max(1, len(named))
            scored.append((max(share, 0.6 * hinted), column))
    best = max(scored, default=(0.0, -1))
    return best[1] if best[0] >= 0.3 else None


def _named_values(folded: str, table: Table, numeric: Sequence[bool]) -> list[Condition]:
    """Return a condition for each column of words one of whose values stands in the question."""
    asked = frozenset(terms(folded))
    found = []
    for column in range(len(table.columns)):
        if numeric[column]:
            continue
        values = {row.cells[column] for row in table.rows if len(row.cells[column]) > 1}
        named = [value for value in values if _stands_in(fold(value), folded, asked)]
        if named:
            found.append(Condition(column, "=", max(named, key=len)))
    return found


def _stands_in(value: str, question: str, asked: frozenset[str]) -> bool:
    if _SPACED.fullmatch(value):
        held = frozenset(terms(value))
        return bool(held) and held <= asked and not held <= ENGLISH
    return value in question


def _bounds(folded: str, table: Table, numeric: Sequence[bool]) -> list[Condition]:
    found = []
    for bound in _OVER.finditer(folded):
        number = plain_number(bound["number"].rstrip(".,"))
        near = set(terms(folded[max(0, bound.start() - 30) : bound.end() + 12]))
        scored = [
            (len(set(terms(name)) & near), column)
            for column, name in enumerate(table.columns)
            if numeric[column]
        ]
        if number is None or not scored:
            continue
        best = max(scored)
        if best[0] or len(scored) == 1:
            value = number * TIMES[bound["times"] or ""]
            found.append(Condition(best[1], _OPERATORS[bound["op"]], value))
    return found


def _first(folded: str) -> int:
    if digits := _FIRST.search(folded):
        return int(next(filter(None, digits.groups())))
    if written := _WRITTEN_FIRST.search(folded):
        return _WRITTEN[next(filter(None, written.groups()))]
    return 1
