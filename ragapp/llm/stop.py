"""Stop strings: where an answer that comes in pieces ends, whatever the pieces are."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Passes text on up to the first stop string, which is never shown.

    The end of the text that could be the beginning of a stop string is held back until more text
    decides. The result does not depend on how the text is cut into pieces.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """Take more text; return what can be shown of all that came, often less or more."""
        if self.found:
            return ""
        text = self._held + text
        start = first_stop(text, self._strings)
        if start is not None:
            self.found, self._held = True, ""
            return text[:start]
        held = max((_overlap(text, string) for string in self._strings), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """Return what was held back and turned out to be no stop string."""
        text, self._held = self._held, ""
        return text


def first_stop(text: str, strings: Sequence[str]) -> int | None:
    """Return where the stop string begins that ends first; of several, the longest."""
    starts = [(text.find(string), string) for string in strings]
    ends = [(start + len(string), start) for start, string in starts if start >= 0]
    return min(ends)[1] if ends else None


def _overlap(text: str, string: str) -> int:
    """Count the characters at the end of ``text`` with which ``string`` could begin."""
    for length in range(min(len(text), len(string) - 1), 0, -1):
        if text.endswith(string[:length]):
            return length
    return 0
