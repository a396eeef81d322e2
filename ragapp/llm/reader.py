"""Token ids to an answer as it streams: whole characters, up to a stop string, thoughts apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Text, Thought, decode_rate
from ragapp.types import FinishReason

if TYPE_CHECKING:
    from ragapp.llm.tokenizers.protocol import ChatTokenizer

REPLACEMENT = "\ufffd"
THINKING_BEGINS, THINKING_ENDS = "<think>", "</think>"


class AnswerReader:
    """Reads one answer off its tokens: its text, its length, and why it ended.

    ``tokens`` counts those of the answer; a terminator is none of them. started: when the answer
    was asked for, on ``time.perf_counter``; now if it is not given. thinking: the prompt ends with
    the mark after which the model thinks, so that its answer does not begin with one.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        decoding: Decoding,
        *,
        started: float | None = None,
        thinking: bool = False,
    ) -> None:
        self.tokens = 0
        self._tokenizer = tokenizer
        self._decoding = decoding
        self._started = time.perf_counter() if started is None else started
        self._first_token_s: float | None = None
        self._terminated = False
        self._stops = StopStrings(decoding.stop_strings)
        self._thoughts = ThoughtSplitter(thinking=thinking)

    def read(self, tokens: Iterable[int]) -> Iterator[Thought | Text]:
        """Yield thoughts and text as they come; of beams, each in one piece at the end.

        Ends at a terminator or a stop string, whatever comes after it.
        """
        pieces = self._pieces(tokens)
        for piece in pieces if self._decoding.streams else ["".join(pieces)]:
            yield from self._thoughts.push(piece)
        yield from self._thoughts.finish()

    def done(self, prompt_tokens: int, cached_tokens: int | None, *, cancelled: bool) -> Done:
        """Return how the answer went, when it has been read."""
        # Beams come all at once, so that the time to the first token is the time of them all.
        since_s = self._first_token_s if self._decoding.streams else 0.0
        return Done(
            finish_reason=self.finish_reason(cancelled),
            prompt_tokens=prompt_tokens,
            cached_tokens=cached_tokens,
            completion_tokens=self.tokens,
            first_token_s=self._first_token_s,
            tokens_per_s=decode_rate(self.tokens, since_s, time.perf_counter() - self._started),
        )

    def finish_reason(self, cancelled: bool) -> FinishReason:
        """Say why the answer ended; ``cancelled`` counts only if nothing else had ended it."""
        if self._terminated or self._stops.found:
            return FinishReason.STOP
        if self.tokens >= self._decoding.max_new_tokens:
            return FinishReason.LENGTH
        return FinishReason.CANCELLED if cancelled else FinishReason.STOP

    def _pieces(self, tokens: Iterable[int]) -> Iterator[str]:
        """Yield the text up to its end, a piece (perhaps empty) a token."""
        detokeniser = IncrementalDetokeniser(self._tokenizer.decode)
        for token in tokens:
            if token in self._tokenizer.terminators:
                self._terminated = True
                break
            self.tokens += 1
            if self._first_token_s is None:
                self._first_token_s = time.perf_counter() - self._started
            yield self._stops.push(detokeniser.push(token))
            if self._stops.found:
                return
        yield self._stops.push(detokeniser.finish())
        yield self._stops.finish()


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


class ThoughtSplitter:
    """Splits text at ``<think>`` and ``</think>``, which may arrive in pieces.

    Thinking comes before the answer: a mark after the answer has begun is plain text. Blanks in
    front of either are left out. thinking: the opening mark has come already.
    """

    def __init__(self, *, thinking: bool = False) -> None:
        self._held = ""
        # The mark looked for; empty once the answer has begun.
        self._mark = THINKING_ENDS if thinking else THINKING_BEGINS
        self._fresh = True  # nothing of the present part was given out

    def push(self, text: str) -> Iterator[Thought | Text]:
        """Take more text; yield what can be told apart already."""
        self._held += text
        while self._mark:
            if self._mark == THINKING_BEGINS:
                begun = self._held.lstrip()
                if begun.startswith(THINKING_BEGINS):
                    self._enter(begun.removeprefix(THINKING_BEGINS), THINKING_ENDS)
                elif THINKING_BEGINS.startswith(begun):
                    return  # still undecided
                else:
                    self._enter(self._held, "")
                continue
            thought, mark, rest = self._held.partition(THINKING_ENDS)
            if mark:
                yield from self._part(thought, Thought)
                self._enter(rest, "")
            else:
                keep = _overlap(thought, THINKING_ENDS)
                self._held = thought[len(thought) - keep :]
                yield from self._part(thought[: len(thought) - keep], Thought)
                return
        text, self._held = self._held, ""
        yield from self._part(text, Text)

    def finish(self) -> Iterator[Thought | Text]:
        """Yield what was held back."""
        yield from self._part(self._held, Thought if self._mark == THINKING_ENDS else Text)
        self._held = ""

    def _enter(self, held: str, mark: str) -> None:
        self._held, self._mark, self._fresh = held, mark, True

    def _part(self, text: str, kind: type[Thought] | type[Text]) -> Iterator[Thought | Text]:
        text = text.lstrip() if self._fresh else text
        if text:
            self._fresh = False
            yield kind(text)


def _overlap(text: str, string: str) -> int:
    """Count the characters at the end of ``text`` with which ``string`` could begin."""
    for length in range(min(len(text), len(string) - 1), 0, -1):
        if text.endswith(string[:length]):
            return length
    return 0
