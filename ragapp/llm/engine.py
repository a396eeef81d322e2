"""What every engine that generates text offers, and the values it speaks in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ragapp.llm.decoding import Decoding
from ragapp.types import CancelCheck, FinishReason

LONGEST_CONTEXT = 8192
"""Unless the settings ask for more: the KV cache of a declared 128k would fill a laptop."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; ``role`` is system, user or assistant, as chat templates have it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text; never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class GenerationDone:
    """The end of a generation; times in seconds from the call."""

    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    first_token_s: float | None
    tokens_per_s: float | None


class ChatEngine(Protocol):
    """A chat model. ``context_tokens`` is prompt and answer together.

    ``caches_prefixes``: a prompt that begins like an earlier one starts sooner, at no cost to
    anybody but this machine.
    """

    name: str
    context_tokens: int
    caches_prefixes: bool

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt as the chat template renders it."""

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together, or that this engine cannot do.

        Raises:
            UsageError: naming the values and what to do.
        """

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[TextDelta | GenerationDone]:
        """Stream an answer; the last item is a ``GenerationDone``.

        Closing the iterator or a true ``cancel`` stops within one token.
        """


def context_limit(config: Any, asked: int) -> int:  # noqa: ANN401 - a transformers configuration
    """Return the context to use: what was asked for (0: a sensible one), or what the model has."""
    declared: int = getattr(config, "max_position_embeddings", LONGEST_CONTEXT)
    return min(asked or LONGEST_CONTEXT, declared)


def decode_rate(tokens: int, first_token_s: float | None, total_s: float) -> float | None:
    """Return tokens a second after the first one, None when there were too few to tell."""
    if first_token_s is None or tokens < 2 or total_s <= first_token_s:
        return None
    return (tokens - 1) / (total_s - first_token_s)
