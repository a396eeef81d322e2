"""What the page may ask to be done: plain values for a handler, and nothing that names a file.

Gradio takes any object with a path and a mark of its own for an uploaded file, wherever it
stands in an event, and reads what it names. The page never sends one: its events carry strings,
numbers, truth values and flat lists of them. The body is written anew from what was understood,
so that no second reader can understand it otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from ragapp.untyped import Given
from ragapp.web.guard.routes import PAGE_NAME

LONGEST_EVENT = 256 * 1024
MOST_VALUES = 4096
MOST_EVENTS = 100
"""Events of one session that wait or run at the same time, over all its pages."""


class RunningEvents(Protocol):
    """What the page's queue knows."""

    def of(self, session_id: str) -> int:
        """Return how many events of a session wait or run."""


class MalformedEvent(ValueError):
    """The body is not an event of the page."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of ``page``; ``body`` is the JSON to pass on."""

    page: str
    body: bytes


def parse_event(body: bytes) -> Event:
    """Read an event.

    Raises:
        MalformedEvent: it holds anything the page does not send.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(str(error)) from error
    if not isinstance(given, dict):
        raise MalformedEvent("no object")
    page, index, trigger = (given.get(k) for k in ("session_hash", "fn_index", "trigger_id"))
    if not isinstance(page, str) or not PAGE_NAME.fullmatch(page):
        raise MalformedEvent("session_hash")
    if not _is_index(index) or not (trigger is None or _is_index(trigger)):
        raise MalformedEvent("fn_index or trigger_id")
    data, details = given.get("data"), given.get("event_data")
    if not isinstance(data, list) or not all(map(_is_plain, data)):
        raise MalformedEvent("data")
    if details is not None and not _are_details(details):
        raise MalformedEvent("event_data")
    clean = {
        "session_hash": page, "fn_index": index, "trigger_id": trigger,
        "data": data, "event_data": details,
    }  # fmt: skip
    # Half a surrogate pair, of a text that was cut within a character, can be sent and not be
    # answered: no answer that repeats it could be written. It becomes a question mark.
    return Event(page, json.dumps(clean, ensure_ascii=False).encode(errors="replace"))


def _is_index(value: Given) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000


def _is_single(value: Given) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_plain(value: Given) -> bool:
    if isinstance(value, list):
        return len(value) <= MOST_VALUES and all(map(_is_single, value))
    return _is_single(value)


def _are_details(value: Given) -> bool:
    """Say whether these are what goes with an event: names and plain values.

    What is called a path, Gradio takes for a file even if it is a mere string.
    """
    if not isinstance(value, dict):
        return _is_plain(value)
    return not value.keys() & {"path", "url", "meta"} and all(map(_is_plain, value.values()))
