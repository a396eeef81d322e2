"""What every engine that generates text offers, and the values it speaks in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from ragapp.errors import EngineError
from ragapp.llm.decoding import Decoding
from ragapp.types import CancelCheck, FinishReason

LONGEST_CONTEXT = 8192
"""Unless the settings ask for more: the KV cache of a declared 128k would fill a laptop."""


class EngineKind(StrEnum):
    """The values of the setting ``engine``."""

    AUTO = "auto"
    TORCH = "torch"
    OPENVINO = "openvino"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; ``role`` is system, user or assistant, as chat templates have it."""

    role: str
    content: str


Prompt: TypeAlias = Sequence[Message] | str
"""A chat whose last message wants an answer, or a text to be continued as it is."""


@dataclass(frozen=True, slots=True)
class Thought:
    """More of what a reasoning model thinks before it answers; never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer; never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a generation; times in seconds from the call.

    ``cached_tokens``: how many of the prompt's tokens were not computed again, None where the
    engine does not know.
    """

    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int | None
    completion_tokens: int
    first_token_s: float | None
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and what was thought before it."""

    text: str
    thought: str = ""

    @classmethod
    def of(cls, events: Sequence[Thought | Text]) -> Answer:
        """Join the pieces of a stream."""
        return cls(
            text="".join(event.text for event in events if isinstance(event, Text)),
            thought="".join(event.text for event in events if isinstance(event, Thought)),
        )


BatchOutcome: TypeAlias = Answer | EngineError | None
"""What came of one prompt of a batch; None: somebody stopped it."""


class ChatEngine(Protocol):
    """A chat model. ``context_tokens`` is prompt and answer together.

    ``dtype``: what it computes in, as far as that is known. ``caches_prefixes``: a prompt that
    begins like an earlier one starts sooner, at no cost to anybody but this machine.
    ``continues_texts``: prompts of a batch may be texts; otherwise they are chats.
    """

    kind: EngineKind
    name: str
    dtype: str
    context_tokens: int
    caches_prefixes: bool
    continues_texts: bool

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of a prompt, of a chat as the template renders it.

        Raises:
            ModelError: the model's format has no place for these messages.
        """

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together, or that this engine cannot do.

        Raises:
            UsageError: naming the values and what to do.
        """

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[Thought | Text | Done]:
        """Stream an answer; the last item is a ``Done``.

        Closing the iterator or a true ``cancel`` stops within one token.

        Raises:
            EngineError: generation failed; what came before it remains.
        """

    def generate_batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
    ) -> list[BatchOutcome]:
        """Answer several prompts at once; return what came of each, in their order.

        Each prompt leaves room for an answer in ``context_tokens``.
        """


def context_limit(config: object, asked: int) -> int:
    """Return the context to use: what was asked for (0: a sensible one), or what the model has.

    config: the model's configuration, as transformers reads it.
    """
    declared: int = getattr(config, "max_position_embeddings", LONGEST_CONTEXT)
    return min(asked or LONGEST_CONTEXT, declared)


def decode_rate(tokens: int, first_token_s: float | None, total_s: float) -> float | None:
    """Return tokens a second after the first one, None when there were too few to tell."""
    if first_token_s is None or tokens < 2 or total_s <= first_token_s:
        return None
    return (tokens - 1) / (total_s - first_token_s)
