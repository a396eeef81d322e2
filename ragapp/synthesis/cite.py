"""Citations: every statement of an answer is traced to a sentence of the evidence, or named.

Small models cite badly: they forget marks, or point at the wrong excerpt. So the answer's text is
cut into statements as it streams, and each is compared with the evidence by the terms they share.
A mark of the model's own is kept where the excerpt does support the statement, moved where
another one does, added where it is missing, and dropped where nothing does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragapp.index.terms import terms
from ragapp.types import AnswerCited, AnswerText, Citation, Evidence, ScoredSentence

SUPPORT = 0.5
"""Share of a statement's terms that a sentence must hold to back it."""
SUPPORT_OF_MARKED = 0.25
"""The same where the model itself pointed at the excerpt: paraphrase is allowed."""

MARK = re.compile(r"\s*[\[［【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]］】]")
OPEN_MARK = re.compile(r"\s*[\[［【][\d\s,，、]{0,12}$")
TERMINATOR = re.compile(r"[。！？!?；;]+[”’」』）)\"]*|\.+[”’)\"]*(?=\s|$)|\n+")
WORDS = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an answer with the citations found for it; none: nothing backs it."""

    text: str
    citations: tuple[Citation, ...]


class Citer:
    """Passes an answer's text through, with its citation marks put right.

    ``statements`` grows with each statement that ended.
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.statements: list[Statement] = []
        self._sentences = [
            (excerpt, sentence, frozenset(terms(sentence.text)))
            for excerpt in evidence
            for sentence in excerpt.sentences
        ]
        self._shown = ""  # of the statement being written
        self._held = ""  # what may turn out to be a mark or the statement's end
        self._marks: list[int] = []

    def push(self, text: str) -> Iterator[AnswerText | AnswerCited]:
        """Take more text; yield what can be shown."""
        self._held += text
        yield from self._advance(final=False)

    def finish(self) -> Iterator[AnswerText | AnswerCited]:
        """Yield what is left when the answer has ended."""
        yield from self._advance(final=True)
        yield from self._end_statement("")

    def _advance(self, *, final: bool) -> Iterator[AnswerText | AnswerCited]:
        while self._held:
            mark = MARK.match(self._held)
            if mark:
                self._marks += [int(n) for n in re.findall(r"\d+", mark[1])]
                self._held = self._held[mark.end() :]
                continue
            if not final and OPEN_MARK.match(self._held):
                return
            end = TERMINATOR.match(self._held)
            if end:
                # What follows decides: "3." may go on as "3.5", and [1] may come after "。".
                rest = self._held[end.end() :]
                if not final and (not rest.strip() or OPEN_MARK.match(rest)):
                    return
                trailing = MARK.match(rest)
                while trailing:
                    self._marks += [int(n) for n in re.findall(r"\d+", trailing[1])]
                    rest = rest[trailing.end() :]
                    trailing = MARK.match(rest)
                if not final and OPEN_MARK.match(rest):
                    self._held = end[0] + rest
                    return
                self._held = rest
                yield from self._end_statement(end[0])
                continue
            plain = _plain_length(self._held)
            self._shown += self._held[:plain]
            yield AnswerText(self._held[:plain])
            self._held = self._held[plain:]

    def _end_statement(self, terminator: str) -> Iterator[AnswerText | AnswerCited]:
        statement, marks = self._shown.strip(), self._marks
        self._shown, self._marks = "", []
        citations: tuple[Citation, ...] = ()
        if WORDS.search(statement):
            citations = self._trace(statement, marks)
            self.statements.append(Statement(statement, citations))
        if citations:
            yield AnswerText("".join(f"[{citation.number}]" for citation in citations))
        if terminator:
            yield AnswerText(terminator)
        yield from (AnswerCited(citation) for citation in citations)

    def _trace(self, statement: str, marks: Sequence[int]) -> tuple[Citation, ...]:
        """Find the sentence that backs a statement, among the marked excerpts first."""
        wanted = set(terms(statement))
        if not wanted:
            return ()
        scored = [
            (len(wanted & held) / len(wanted), excerpt, sentence)
            for excerpt, sentence, held in self._sentences
        ]
        found: dict[int, Citation] = {}
        for number in dict.fromkeys(marks):
            best = max((s for s in scored if s[1].number == number), key=_support, default=None)
            if best is not None and best[0] >= SUPPORT_OF_MARKED:
                found[number] = _citation(best[1], best[2])
        if not found:
            best = max(scored, key=_support, default=None)
            if best is not None and best[0] >= SUPPORT:
                found[best[1].number] = _citation(best[1], best[2])
        return tuple(found.values())


def _support(scored: tuple[float, Evidence, ScoredSentence]) -> float:
    return scored[0]


def _citation(excerpt: Evidence, sentence: ScoredSentence) -> Citation:
    return Citation(
        number=excerpt.number,
        document=excerpt.document,
        page=sentence.page,
        sentence=sentence.text,
        start=sentence.start,
        end=sentence.end,
    )


def _plain_length(text: str) -> int:
    """Return how many characters from the start can neither open a mark nor end a statement."""
    # A "." inside a word or number ends nothing, so the character after it is looked at too.
    found = re.search(r"\s*[\[［【]|[。！？!?；;\n]|\.(?=\s|$|[”’)\"])", text[1:])
    return 1 + found.start() if found else len(text)
