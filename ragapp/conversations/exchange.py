"""What one browser session has asked: exchanges that grow event by event."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ragapp.errors import RagappError
from ragapp.text.language import Language
from ragapp.types import (
    AnswerCited,
    AnswerDone,
    AnswerEvent,
    AnswerText,
    AnswerThinking,
    Citation,
    Evidence,
    EvidenceFound,
    Notice,
    Turn,
)

REMEMBERED_SESSIONS = 1000
"""Sessions whose tab vanished without a word are forgotten, oldest first, beyond so many."""


class Waiting(StrEnum):
    """What an exchange without text yet is waiting for; each is a field of ``Strings``."""

    SEARCHING = "searching"
    THINKING = "thinking"


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation mark: ``[number]`` begins at ``position`` of the answer's text."""

    position: int
    citation: Citation


@dataclass(slots=True)
class Exchange:
    """A question and what has come back so far; ``evidence`` None: not searched yet."""

    number: int
    question: str
    waiting: Waiting = Waiting.SEARCHING
    thinking: str = ""
    answer: str = ""
    evidence: tuple[Evidence, ...] | None = None
    marks: list[Mark] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    done: AnswerDone | None = None
    error: RagappError | None = None

    def take(self, event: AnswerEvent) -> None:
        """Grow by one event."""
        if isinstance(event, EvidenceFound):
            self.evidence = event.evidence
            self.waiting = Waiting.THINKING
        elif isinstance(event, AnswerThinking):
            self.thinking += event.text
        elif isinstance(event, AnswerText):
            self.answer += event.text
        elif isinstance(event, AnswerCited):
            self.marks.append(Mark(event.offset, event.citation))
        elif isinstance(event, Notice):
            self.notices.append(event)
        else:
            self.done = event


class Conversation:
    """The exchanges of one browser session, and the way to stop the one being answered."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.language: str = Language.ENGLISH
        self._asked = 0
        self._stop = threading.Event()

    def begin(self, question: str) -> tuple[Exchange, threading.Event]:
        """Add an exchange; the event that comes with it says that it is to stop."""
        self._asked += 1
        self._stop = threading.Event()
        self.exchanges.append(Exchange(self._asked, question))
        return self.exchanges[-1], self._stop

    def stop(self) -> None:
        """Ask the exchange being answered to stop."""
        self._stop.set()

    def clear(self) -> None:
        """Stop and forget."""
        self.stop()
        self.exchanges = []

    def turns(self) -> Sequence[Turn]:
        """Return the finished exchanges that can help to understand the next question."""
        return [
            Turn(exchange.question, exchange.done.answer)
            for exchange in self.exchanges
            if exchange.done is not None and not exchange.done.refused and exchange.done.answer
        ]


class Conversations:
    """One conversation for each browser session (each load of the page)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_session: OrderedDict[str, Conversation] = OrderedDict()

    def of(self, session: str) -> Conversation:
        """Return the conversation of a session, a new one at its first call."""
        with self._lock:
            conversation = self._by_session.setdefault(session, Conversation())
            self._by_session.move_to_end(session)
            while len(self._by_session) > REMEMBERED_SESSIONS:
                self._by_session.popitem(last=False)[1].stop()
            return conversation

    def stop_all(self) -> None:
        """Ask every exchange that is being answered to stop: the program ends."""
        with self._lock:
            for conversation in self._by_session.values():
                conversation.stop()

    def drop(self, session: str) -> None:
        """Stop and forget the conversation of a closed tab."""
        with self._lock:
            conversation = self._by_session.pop(session, None)
        if conversation is not None:
            conversation.stop()
