"""Which table a question is about, and what the query over it gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragapp.documents.readers.table import CELL_BREAK
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.tables.numbers import quantities
from ragapp.tables.plan import Function, Plan, plan
from ragapp.tables.rows import Table, TableRow, tables_in
from ragapp.tables.run import Computed, run
from ragapp.text.function_words import question_terms
from ragapp.text.terms import fold, terms_among
from ragapp.types import Hit

DOCUMENTS = 3
"""Whose tables are looked at: those of the best hits."""
LONGEST_TEXT = 30_000_000
"""Characters of a document that is read back into tables."""
HOLDS = 0.5
"""Of the question's terms: a sentence that holds so many of them states what is asked for."""
ALIKE = 0.75
"""Of two sentences without their numbers: so much the same, they are of one pattern."""
_DEGREE = re.compile(
    r"\b(?:highest|largest|biggest|greatest|most|maximum|longest|latest|newest|lowest|smallest"
    r"|least|fewest|minimum|shortest|earliest|expensive|cheapest)\b|最[高大多长贵晚新低小少短早]|便宜"
)


@dataclass(frozen=True, slots=True)
class FoundInTable:
    """What was computed, of which table, in which document."""

    plan: Plan
    table: Table
    computed: Computed
    document: str
    document_id: int
    path: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A quantity that a sentence of a hit states."""

    value: float
    hit: Hit
    start: int
    end: int
    text: str


def compute(question: str, hits: Sequence[Hit], kb: KnowledgeBase) -> FoundInTable | None:
    """Answer a question from the tables of the documents that were hit; None where none can."""
    documents = {hit.document_id: hit for hit in reversed(hits)}
    ordered = sorted(documents.values(), key=hits.index)[:DOCUMENTS]
    for hit in ordered:
        text = kb.document_text(hit.document_id) or ""
        if ": " not in text or len(text) > LONGEST_TEXT:
            continue
        for table in tables_in(text):
            planned = plan(question, table)
            if planned is None:
                continue
            computed = run(planned, table)
            one_cell = planned.function is Function.SUM and len(computed.rows) == 1
            if computed.rows and not one_cell:  # a single row says it itself
                return FoundInTable(
                    planned, table, computed, hit.document, hit.document_id, hit.path
                )
    return None


def stated(question: str, function: Function, hits: Sequence[Hit]) -> list[Stated] | None:
    """Return what sentences of one pattern state, the most or the least first.

    Such are the clauses of contracts from one template, or the lines of a data sheet. None where
    fewer than two sentences are alike.
    """
    folded = fold(question)
    degree = _DEGREE.search(folded)
    if degree is None:
        return None
    plain = _DEGREE.sub(" ", folded)
    asked = {term for term in question_terms(plain) if len(term) > 1}
    if not asked:
        return None
    found: dict[tuple[int, int], tuple[float, Stated]] = {}
    for hit in hits:
        for sentence in hit.sentences:
            # Rows are of tables; and "minimum" may belong to the name of what is stated.
            if CELL_BREAK in sentence.text or degree[0] in fold(sentence.text):
                continue
            held = terms_among(asked, sentence.text)
            value = _after(held, sentence.text)
            if len(held) >= HOLDS * len(asked) and value is not None:
                one = Stated(value, hit, sentence.start, sentence.end, sentence.text)
                found.setdefault((hit.document_id, sentence.start), (sentence.score, one))
    if not found:
        return None
    pattern = _pattern(max(found.values(), key=lambda one: one[0])[1].text)
    alike = [one for _, one in found.values() if _are_alike(pattern, _pattern(one.text))]
    if len(alike) < 2:
        return None
    return sorted(alike, key=lambda one: one.value, reverse=function is Function.MOST)


def _pattern(text: str) -> str:
    return re.sub(r"[\d.,]+", "0", fold(text))


def _are_alike(one: str, other: str) -> bool:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _after(held: set[str], text: str) -> float | None:
    """Return the first quantity behind the words of the question, or the only one before them."""
    folded = fold(text)
    numbers = list(quantities(text))
    if not held or not numbers:
        return None
    last = max(folded.rfind(term) for term in held)
    behind = [value for place, value in numbers if place > last]
    return behind[0] if behind else numbers[0][1] if len(numbers) == 1 else None


def rows_of(found: FoundInTable, at_most: int) -> list[TableRow]:
    """Return the first rows that an answer rests on."""
    return [found.table.rows[place] for place in found.computed.rows[:at_most]]
