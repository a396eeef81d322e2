"""Token ids to text, a token at a time, never showing half a character."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ragapp.llm import decoding as decodings
from ragapp.llm.decoding import Decoding
from ragapp.llm.stop import StopStrings
from ragapp.llm.thinking import OPENING
from ragapp.types import FinishReason

if TYPE_CHECKING:
    from ragapp.llm.tokenizers.protocol import ChatTokenizer

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


class AnswerReader:
    """Reads one answer off its tokens: its text, its length, and why it ended.

    ``tokens`` counts those of the text; a terminator is none of them.
    """

    def __init__(self, tokenizer: ChatTokenizer, decoding: Decoding) -> None:
        self.tokens = 0
        self._tokenizer = tokenizer
        self._decoding = decoding
        self._terminated = False
        self._stops = StopStrings(decoding.stop_strings)

    def read(self, tokens: Iterable[int]) -> Iterator[str]:
        """Yield the text as it comes, a piece (perhaps empty) a token; in one piece for beams.

        Ends at a terminator or a stop string, whatever comes after it.
        """
        pieces = self._pieces(tokens)
        if decodings.streams(self._decoding):
            yield from pieces
        elif text := "".join(pieces):
            yield text

    def finish_reason(self, cancelled: bool) -> FinishReason:
        """Say why the answer ended; ``cancelled`` counts only if nothing else had ended it."""
        if self._terminated or self._stops.found:
            return FinishReason.STOP
        if self.tokens >= self._decoding.max_new_tokens:
            return FinishReason.LENGTH
        return FinishReason.CANCELLED if cancelled else FinishReason.STOP

    def _pieces(self, tokens: Iterable[int]) -> Iterator[str]:
        detokeniser = IncrementalDetokeniser(self._tokenizer.decode)
        if self._tokenizer.opens_thinking:
            yield OPENING
        for token in tokens:
            if token in self._tokenizer.terminators:
                self._terminated = True
                break
            self.tokens += 1
            yield self._stops.push(detokeniser.push(token))
            if self._stops.found:
                return
        yield self._stops.push(detokeniser.finish())
        yield self._stops.finish()
