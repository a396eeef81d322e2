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

from ragapp.text.terms import terms
from ragapp.types import AnswerCited, AnswerText, Citation, Evidence, ScoredSentence

SUPPORT = 0.5
"""Share of a statement's terms that a sentence must hold to back it."""
SUPPORT_OF_MARKED = 0.25
"""The same where the model itself pointed at the excerpt: paraphrase is allowed."""

# At most ten numbers, so that it is soon known whether an open bracket becomes a mark.
_NUMBERS = r"[\[［【] ?(\d{1,2}(?: ?[,，、] ?\d{1,2}){0,9}) ?[\]］】]"
_OPEN = r"(?:[\[［【][\d ,，、]{0,50})?\Z"
_BLANK = r"[^\S\n]*"
MARK = re.compile(_BLANK + _NUMBERS)
NEXT_MARK = re.compile(rf"{_BLANK}[,，、]?{_BLANK}{_NUMBERS}")
MAYBE_MARK = re.compile(_BLANK + _OPEN)
MAYBE_NEXT_MARK = re.compile(rf"{_BLANK}[,，、]?{_BLANK}{_OPEN}")
TERMINATOR = re.compile(r"[。！？!?；;]+[”’」』）)\"]*|\.+[”’)\"]*(?=\s|\Z|[\[［【])|\n+")
SPECIAL = re.compile(rf"{_BLANK}(?:[\[［【]|\Z)|[。！？!?；;\n.]")
# A point after these ends nothing: abbreviations, and the number of a list's line.
NO_STOP_AFTER = re.compile(
    r"\b(?:e\.g|i\.e|et al|cf|vs|Figs?|Eq|Dr|Mrs?|Ms|Prof|pp?)\Z|\A\d{1,3}\Z"
)
WORDS = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an answer with the citations found for it; none: nothing backs it."""

    text: str
    citations: tuple[Citation, ...]


class Citer:
    """Passes an answer's text through, with its citation marks put right.

    ``statements`` grows with each statement that ended. What a statement repeats of the question
    claims nothing, so only its other terms need backing. Offsets count from the first character
    that ``push`` yields.
    """

    def __init__(self, evidence: Sequence[Evidence], question: str = "") -> None:
        self.statements: list[Statement] = []
        self._asked = frozenset(terms(question))
        self._sentences = [
            (excerpt, sentence, frozenset(terms(sentence.text)))
            for excerpt in evidence
            for sentence in excerpt.sentences
        ]
        self._shown = ""  # of the statement being written
        self._length = 0  # of all text given out
        self._held = ""  # what may turn out to be a mark or the statement's end
        self._marks: list[int] = []
        self._after_mark = False

    def push(self, text: str) -> Iterator[AnswerText | AnswerCited]:
        """Take more text; yield what can be shown."""
        self._held += text
        yield from self._advance(final=False)

    def finish(self) -> Iterator[AnswerText | AnswerCited]:
        """Yield what is left when the answer has ended."""
        yield from self._advance(final=True)
        yield from self._end_statement("")

    def _advance(self, *, final: bool) -> Iterator[AnswerText | AnswerCited]:
        # Nothing is decided that more text could change, so it is all one how the text is cut.
        while self._held:
            mark, maybe = (NEXT_MARK, MAYBE_NEXT_MARK) if self._after_mark else (MARK, MAYBE_MARK)
            if not final and maybe.match(self._held):
                return
            if found := mark.match(self._held):
                self._marks += _numbers(found)
                self._held = self._held[found.end() :]
                self._after_mark = True
                continue
            end = self._terminator()
            if end:
                marks, after = _marks_after(end)
                maybe = MAYBE_NEXT_MARK if marks else MAYBE_MARK
                if not final and maybe.match(self._held, after):
                    return
                self._marks += marks
                self._held = self._held[after:]
                yield from self._end_statement(end[0])
            else:
                special = SPECIAL.search(self._held, 1)
                plain = special.start() if special else len(self._held)
                self._shown += self._held[:plain]
                yield self._text(self._held[:plain])
                self._held = self._held[plain:]
            self._after_mark = False

    def _terminator(self) -> re.Match[str] | None:
        if self._held.startswith(".") and NO_STOP_AFTER.search(self._shown):
            return None
        return TERMINATOR.match(self._held)

    def _end_statement(self, terminator: str) -> Iterator[AnswerText | AnswerCited]:
        statement, marks = self._shown.strip(), self._marks
        self._shown, self._marks = "", []
        citations: tuple[Citation, ...] = ()
        if WORDS.search(statement):
            citations = self._trace(statement, marks)
            self.statements.append(Statement(statement, citations))
        offset = self._length
        marks_shown = [f"[{citation.number}]" for citation in citations]
        if citations:
            yield self._text("".join(marks_shown))
        if terminator:
            yield self._text(terminator)
        for citation, mark in zip(citations, marks_shown, strict=True):
            yield AnswerCited(citation, offset)
            offset += len(mark)

    def _text(self, text: str) -> AnswerText:
        self._length += len(text)
        return AnswerText(text)

    def _trace(self, statement: str, marks: Sequence[int]) -> tuple[Citation, ...]:
        """Find the sentence that backs a statement, among the marked excerpts first."""
        said = set(terms(statement))
        wanted = said - self._asked or said
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
        document_id=excerpt.document_id,
        page=sentence.page,
        sentence=sentence.text,
        start=sentence.start,
        end=sentence.end,
    )


def _numbers(mark: re.Match[str]) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", mark[1])]


def _marks_after(end: re.Match[str]) -> tuple[list[int], int]:
    """Read the marks behind a stop, as in "。[1]", and where they end; none cross a line's end."""
    marks: list[int] = []
    after = end.end()
    if not end[0].startswith("\n"):
        while mark := (NEXT_MARK if marks else MARK).match(end.string, after):
            marks += _numbers(mark)
            after = mark.end()
    return marks, after
