"""Who has come in: one session a browser, and the pages that it has opened.

With a password a session begins with the login, without one with the first look at the page. It
is what everything else is bound to: uploads, conversations, events.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE_S = 12 * 3600.0
LONGEST_S = 7 * 24 * 3600.0
SILENT_S = 10.0
MOST_SESSIONS = 1000
MOST_PAGES = 64
"""Loads of the page that a session owns at a time; the one that was silent for longest goes."""


@dataclass(slots=True, eq=False)
class Page:
    """One load of the page; it is there while it listens, and a moment longer."""

    heard: float  # when it last began or ceased to listen
    streams: int = 0

    def is_there(self, now: float) -> bool:
        """Say whether somebody still looks at it."""
        return self.streams > 0 or now - self.heard < SILENT_S


@dataclass(slots=True, eq=False)
class Session:
    """One browser. ``id`` may be shown and logged; what lets in is the token in its cookie."""

    id: str
    began: float
    used: float
    pages: OrderedDict[str, Page] = field(default_factory=OrderedDict)
    opened_page: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def left(self, now: float) -> float:
        """Return the seconds until it ends unless it is used again."""
        return min(self.used + IDLE_S, self.began + LONGEST_S) - now


class Sessions:
    """All sessions, in memory: they end with the server. Used by one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._by_token: OrderedDict[str, Session] = OrderedDict()  # the longest unused first
        self._owner_of_page: dict[str, Session] = {}

    def begin(self) -> tuple[str, Session]:
        """Return the token and the session of somebody who may come in."""
        now = self.clock()
        for token, session in list(self._by_token.items()):
            if session.left(now) <= 0:
                self._end(token)
        while len(self._by_token) >= MOST_SESSIONS:
            # Sooner somebody who only looked at the door than somebody who works.
            idle = (t for t, session in self._by_token.items() if not session.pages)
            self._end(next(idle, next(iter(self._by_token))))
        token = secrets.token_urlsafe(32)
        self._by_token[token] = Session(secrets.token_hex(8), now, now)
        return token, self._by_token[token]

    def find(self, token: str) -> Session | None:
        """Return the session of a token and note that it is in use."""
        session = self._by_token.get(token)
        if session is None:
            return None
        now = self.clock()
        if session.left(now) <= 0:
            self._end(token)
            return None
        session.used = now
        self._by_token.move_to_end(token)
        return session

    def end(self, token: str) -> None:
        """End a session: what streams to it stops."""
        if token in self._by_token:
            self._end(token)

    def page(self, session: Session, name: str) -> Page | None:
        """Return a page of this session; one that nobody has named yet becomes its own.

        None: it is another session's.
        """
        if self._owner_of_page.setdefault(name, session) is not session:
            return None
        page = session.pages.setdefault(name, Page(self.clock()))
        session.pages.move_to_end(name)
        while len(session.pages) > MOST_PAGES:
            del self._owner_of_page[session.pages.popitem(last=False)[0]]
        return page

    def is_there(self, session: Session, page: Page) -> bool:
        """Say whether a page of a session is still looked at."""
        return not session.ended.is_set() and page.is_there(self.clock())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_token)

    def _end(self, token: str) -> None:
        session = self._by_token.pop(token)
        for page in session.pages:
            self._owner_of_page.pop(page, None)
        session.ended.set()
