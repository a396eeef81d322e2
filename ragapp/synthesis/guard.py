"""Holding an answer against the orders that its documents give, and against its question.

Orders that are recognised never reach the prompt (``pack_evidence``), but a piece of one may have
passed unrecognised. When any was found near the question, each statement of the answer is held
back until it has been compared with them; otherwise the answer passes at once, and only its end is
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ragapp.synthesis.cite import Statement
from ragapp.synthesis.prompt import MODEL_REFUSALS
from ragapp.text.terms import terms
from ragapp.types import AnswerCited, AnswerText, Evidence

SAID_BY_ORDER = 0.6
"""Share of a statement's terms, beside those of the question, that make it the order's words."""
NEAR_QUESTION = 0.35
"""Of the best sentence's score: what an answer cites must come so near to the question."""

ASKING = frozenset(
    (
        "what",
        "when",
        "which",
        "where",
        "does",
        "have",
        "with",
        "from",
        "this",
        "that",
        "many",
        "much",
    )
)

_MARKS = re.compile(r"\[\d+\]")


class Guard:
    """Passes the events of a ``Citer`` through until a statement says what an order wants said.

    ``caught`` is then true, and nothing more is let through.
    """

    def __init__(self, orders: Sequence[str], question: str) -> None:
        self.caught = False
        self.question = question
        self._asked = frozenset(terms(question))
        self._topic = _topic(question)
        self._orders = [frozenset(terms(order)) for order in orders]
        self._held: list[AnswerText | AnswerCited] = []
        self._passed = 0

    def push(
        self, events: Iterator[AnswerText | AnswerCited], statements: Sequence[Statement]
    ) -> Iterator[AnswerText | AnswerCited]:
        """Take the citer's events, and its statements, which grow as the events are drawn."""
        for event in events:
            if self.caught:
                return
            self._held.append(event)
            ended = self._check(statements)
            after_end = len(self._held) == 1 and (isinstance(event, AnswerCited) or _ends(event))
            if not self._orders or after_end or (ended and not self.caught):
                yield from self.finish()
        self._check(statements)  # the last one may end without an event

    def finish(self) -> Iterator[AnswerText | AnswerCited]:
        """Yield what is held back, unless it was caught."""
        held, self._held = self._held, []
        if not self.caught:
            yield from held

    def _check(self, statements: Sequence[Statement]) -> bool:
        """Look at the statements that ended; say whether any did."""
        ended = len(statements) > self._passed
        while len(statements) > self._passed and not self.caught:
            self.caught = self._obeys(statements[self._passed])
            self._passed += 1
        return ended

    def _obeys(self, statement: Statement) -> bool:
        if not self._orders or statement.text.lower().startswith(MODEL_REFUSALS):
            return False
        said = frozenset(terms(statement.text))
        cited = [frozenset(terms(citation.sentence)) for citation in statement.citations]
        # An answer begins with what was asked for, or with what stands beside it in a sentence.
        if (
            self._passed == 0
            and self._topic
            and not any(map(self._topic.intersection, (said, *cited)))
        ):
            return True
        own = said - self._asked
        ordered = max(_share(own, order) for order in self._orders)
        return ordered >= SAID_BY_ORDER and ordered > max(
            (_share(own, c) for c in cited), default=0
        )


def off_topic(statements: Sequence[Statement], evidence: Sequence[Evidence], question: str) -> bool:
    """Say whether an answer shares nothing with the question, nor what it cites comes near it.

    An answer that cites nothing is not judged here: its statements are named to the reader.
    """
    scores = {
        (item.number, sentence.start): sentence.score
        for item in evidence
        for sentence in item.sentences
    }
    cited = [
        scores[citation.number, citation.start]
        for statement in statements
        for citation in statement.citations
    ]
    if not cited or max(cited) >= NEAR_QUESTION * max(scores.values()):
        return False
    topic = _topic(question)
    return bool(topic) and not any(topic & set(terms(s.text)) for s in statements)


def _topic(question: str) -> frozenset[str]:
    """Return what a question may be about: its longer words and pairs of Han characters."""
    return frozenset(
        term
        for term in terms(question)
        if (len(term) == 2 if term[0] >= "぀" else len(term) > 3 and term not in ASKING)
    )


def _share(words: frozenset[str], of: frozenset[str]) -> float:
    return len(words & of) / len(words) if words else 0.0


def _ends(event: AnswerText) -> bool:
    """Say whether text only ends a statement: marks, stops, closing quotes."""
    return not re.search(r"\w", _MARKS.sub("", event.text))
