"""Answers about the knowledge base itself: from its catalogue, no model's fancy involved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ragapp.about.recognise import Asks, Topic, is_named
from ragapp.about.summary import summarise
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.store import StoredDocument
from ragapp.synthesis.quote import quote_all
from ragapp.types import AnswerCited, AnswerText, Evidence
from ragapp.words.answers import Phrases

MOST_LISTED = 100
"""Names of documents; of more, how many there are."""


def summary_evidence(asks: Asks, kb: KnowledgeBase) -> tuple[Evidence, ...]:
    """Return the sentences that sum up the document that is asked for; none for other topics."""
    if asks.topic is not Topic.SUMMARY:
        return ()
    named = [one for one in kb.documents() if is_named(asks.document, one.name)]
    return tuple(summarise(kb.document_chunks(named[0].id))) if named else ()


def answer_about(
    asks: Asks,
    evidence: Sequence[Evidence],
    documents: Sequence[StoredDocument],
    phrases: Phrases,
) -> Iterator[AnswerText | AnswerCited]:
    """Yield the answer; evidence: that of a summary."""
    if asks.topic is Topic.SUMMARY:
        yield from quote_all(evidence)
    else:
        yield AnswerText(_said(asks.topic, documents, phrases))


def _said(topic: Topic, documents: Sequence[StoredDocument], phrases: Phrases) -> str:
    if topic is Topic.GREETING:
        return phrases.greeting.format(count=len(documents))
    if topic is Topic.THANKS:
        return phrases.thanks
    if topic is Topic.FAREWELL:
        return phrases.farewell
    if not documents:
        return phrases.no_documents
    passages = sum(one.chunks for one in documents)
    count = phrases.count.format(count=len(documents), passages=passages)
    if topic is Topic.COUNT and len(documents) > 10:
        return count
    names = [f"- {one.name}" for one in documents[:MOST_LISTED]]
    if len(documents) > MOST_LISTED:
        names.append(phrases.more.format(count=len(documents) - MOST_LISTED))
    return "\n".join([count, *names])
