"""Token ids to text, a token at a time, never showing half a character."""

from __future__ import annotations

from collections.abc import Callable, Sequence

REPLACEMENT = "\ufffd"


class IncrementalDetokeniser:
    """Decodes a growing list of token ids without starting over.

    Each step decodes a short window: from the last boundary known to be clean to the end. Text
    that ends in the middle of a multi-byte character is held back until the rest arrives.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._window = 0  # ids before it are never looked at again
        self._shown = 0  # ids before it have been shown

    def push(self, token: int) -> str:
        """Add a token; return the text that it completes, often empty."""
        self._ids.append(token)
        before = self._decode(self._ids[self._window : self._shown])
        now = self._decode(self._ids[self._window :])
        if len(now) <= len(before) or now.endswith(REPLACEMENT):
            return ""
        self._window, self._shown = self._shown, len(self._ids)
        return now[len(before) :]

    def finish(self) -> str:
        """Return what was held back; an incomplete character becomes U+FFFD."""
        before = self._decode(self._ids[self._window : self._shown])
        now = self._decode(self._ids[self._window :])
        self._window = self._shown = len(self._ids)
        return now[len(before) :]
