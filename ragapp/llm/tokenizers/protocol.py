"""What every chat tokenizer offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ragapp.llm.engine import Message

WORD_JOINER = "\u2060"
"""Invisible; put into control tokens found in text, and taken out of answers again."""


class ChatTokenizer(Protocol):
    """A tokenizer together with its model's chat format.

    ``terminators``: ids that end an answer. ``vocabulary_size``: ids run below it. ``can_think``:
    the model was trained to think before it answers. ``opens_thinking``: prompts end with the
    mark after which it thinks, so that its answer does not begin with one.
    """

    terminators: tuple[int, ...]
    vocabulary_size: int
    can_think: bool
    opens_thinking: bool

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins.

        Raises:
            ModelError: the model's format has no place for these messages.
        """

    def completion_ids(self, text: str) -> list[int]:
        """Return the ids of a text to go on with, after what every text begins with."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, without any special token."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""

    def pieces(self) -> list[str]:
        """Return the tokens by id as the vocabulary spells them; control tokens are empty."""

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
