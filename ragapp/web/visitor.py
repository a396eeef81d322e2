"""Who asks: what the guard knows about a request, for the handlers of the page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import gradio as gr

from ragapp.errors import UsageError

MOST_OPEN_PAGES = 3
"""Browsers make six connections to a host, over all tabs; three are left for what is asked."""


def session_of(request: gr.Request) -> str:
    """Return the id of the session that sent a request.

    Raises:
        UsageError: it did not come through the guard.
    """
    session = getattr(request.state, "session", None)
    if not isinstance(session, str) or not session:
        raise UsageError("sender_unknown")  # fmt: skip
    return session


def page_of(request: gr.Request) -> str:
    """Return the name of one load of the page by one session; nobody else's is equal to it."""
    return f"{session_of(request)}/{request.session_hash or ''}"


class OpenPages:
    """The loads of the page that are open; of one session only the newest count as such."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: OrderedDict[str, tuple[str, object]] = OrderedDict()

    def open(self, session: str, page: str) -> object:
        """Note a page, or the same one again. Returns what stands for this opening of it."""
        opening = object()
        with self._lock:
            self._pages.pop(page, None)
            self._pages[page] = (session, opening)
            mine = [name for name, (owner, _) in self._pages.items() if owner == session]
            for oldest in mine[:-MOST_OPEN_PAGES]:
                del self._pages[oldest]
        return opening

    def is_open(self, page: str, opening: object) -> bool:
        """Say whether a page is still open, and was not opened again since."""
        with self._lock:
            return page in self._pages and self._pages[page][1] is opening

    def close(self, page: str) -> None:
        """Note that a page was closed."""
        with self._lock:
            self._pages.pop(page, None)


class QueueEvents:
    """The events in a page's queue, by session."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def of(self, session_id: str) -> int:
        """Return how many events of a session wait or run."""
        events: list[Any] = list(self._page._queue.event_ids_to_events.values())
        return sum(getattr(e.request.state, "session", "") == session_id for e in events)
