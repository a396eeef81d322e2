"""Tells what a reasoning model thinks from what it answers, while both stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OPENING, CLOSING = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of text, thought or said aloud."""

    text: str
    thought: bool


class ThinkingSplitter:
    """Splits text at ``<think>`` and ``</think>``, which may arrive in pieces.

    Thinking comes before the answer: a mark after the answer has begun is plain text.
    """

    def __init__(self) -> None:
        self._held = ""
        self._mark = OPENING  # the one looked for; empty once the answer has begun
        self._fresh = True  # nothing of the present part was given out: its blank start is dropped

    def push(self, text: str) -> Iterator[Said]:
        """Take more text; yield what can be told apart already."""
        self._held += text
        while self._mark:
            if self._mark == OPENING:
                begun = self._held.lstrip()
                if begun.startswith(OPENING):
                    self._enter(begun.removeprefix(OPENING), CLOSING)
                elif OPENING.startswith(begun):
                    return  # still undecided
                else:
                    self._enter(self._held, "")
                continue
            thought, mark, rest = self._held.partition(CLOSING)
            if mark:
                yield from self._part(thought, thought=True)
                self._enter(rest, "")
            else:
                keep = _overlap(thought, CLOSING)
                self._held = thought[len(thought) - keep :]
                yield from self._part(thought[: len(thought) - keep], thought=True)
                return
        text, self._held = self._held, ""
        yield from self._part(text, thought=False)

    def finish(self) -> Iterator[Said]:
        """Yield what was held back."""
        yield from self._part(self._held, thought=self._mark == CLOSING)
        self._held = ""

    def _enter(self, held: str, mark: str) -> None:
        self._held, self._mark, self._fresh = held, mark, True

    def _part(self, text: str, *, thought: bool) -> Iterator[Said]:
        text = text.lstrip() if self._fresh else text
        if text:
            self._fresh = False
            yield Said(text, thought)


def _overlap(text: str, mark: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a mark."""
    return next(
        (size for size in range(min(len(mark), len(text)), 0, -1) if mark.startswith(text[-size:])),
        0,
    )
