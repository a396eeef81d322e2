"""A computed answer in words: the value, the rows it rests on with a citation each, the query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.synthesis.quote import quote_all
from ragapp.tables.find import FoundInTable, Stated, compute, rows_of, stated
from ragapp.tables.plan import Function
from ragapp.types import AnswerCited, AnswerText, Evidence, Hit, ScoredSentence
from ragapp.words.answers import Phrases

SHOWN = 10
"""Rows that are cited; of more, how many there are."""

Answer = tuple[tuple[Evidence, ...], Iterator[AnswerText | AnswerCited]]


def table_answer(
    question: str, hits: Sequence[Hit], kb: KnowledgeBase, phrases: Phrases
) -> Answer | None:
    """Return evidence and answer from a table of the documents hit, None where none gives one."""
    found = compute(question, hits, kb)
    if found is None:
        return None
    evidence = tuple(_row_evidence(found))
    return evidence, _of_table(found, evidence, phrases)


def compared_answer(
    question: str, function: Function, hits: Sequence[Hit], phrases: Phrases
) -> Answer | None:
    """Return evidence and answer from sentences of one pattern; function: the most or the least."""
    values = stated(question, function, hits)
    if values is None:
        return None
    evidence = tuple(_stated_evidence(values[:SHOWN]))
    return evidence, _of_statements(values, evidence, phrases)


def _of_table(
    found: FoundInTable, evidence: Sequence[Evidence], phrases: Phrases
) -> Iterator[AnswerText | AnswerCited]:
    plan, computed = found.plan, found.computed
    head = ""
    if computed.value is not None:
        column = "" if plan.column is None else found.table.columns[plan.column]
        name = phrases.functions[plan.function].format(column=column)
        head = f"{name}{_shown(computed.value)}\n"
        yield AnswerText(head)
    yield from _moved(quote_all(evidence), len(head))
    if len(computed.rows) > len(evidence):
        yield AnswerText("\n" + phrases.more.format(count=len(computed.rows) - len(evidence)))
    yield AnswerText("\n" + phrases.query.format(sql=computed.sql, document=found.document))


def _of_statements(
    values: Sequence[Stated], evidence: Sequence[Evidence], phrases: Phrases
) -> Iterator[AnswerText | AnswerCited]:
    first = values[0]
    head = phrases.compared.format(
        count=len(values), document=first.hit.document, value=_shown(first.value)
    )
    yield AnswerText(f"{head}\n")
    yield from _moved(quote_all(evidence), len(head) + 1)


def _moved(
    events: Iterator[AnswerText | AnswerCited], by: int
) -> Iterator[AnswerText | AnswerCited]:
    for event in events:
        yield (
            AnswerCited(event.citation, event.offset + by)
            if isinstance(event, AnswerCited)
            else event
        )


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{round(value, 4):.10g}"


def _row_evidence(found: FoundInTable) -> Iterator[Evidence]:
    at_most = found.plan.first if found.plan.function in (Function.MOST, Function.LEAST) else SHOWN
    for number, row in enumerate(rows_of(found, max(at_most, SHOWN)), 1):
        cells = zip(found.table.columns, row.cells, strict=True)
        text = " | ".join(f"{name}: {value}" for name, value in cells if value)
        sentence = ScoredSentence(text, row.start, row.end, None, 1.0)
        yield Evidence(
            number=number, document=found.document, document_id=found.document_id,
            path=found.path, page=None, heading=(), start=row.start, end=row.end, text=text,
            score=1.0, sentences=(sentence,),
        )  # fmt: skip


def _stated_evidence(values: Sequence[Stated]) -> Iterator[Evidence]:
    for number, one in enumerate(values, 1):
        hit = one.hit
        page = next((s.page for s in hit.sentences if s.start == one.start), hit.page)
        sentence = ScoredSentence(one.text, one.start, one.end, page, 1.0)
        yield Evidence(
            number=number, document=hit.document, document_id=hit.document_id, path=hit.path,
            page=page, heading=hit.heading, start=one.start, end=one.end, text=one.text,
            score=1.0, sentences=(sentence,),
        )  # fmt: skip
