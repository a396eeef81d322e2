"""Chat messages to the ids a model was trained on, and its ids back to text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ragapp.errors import ModelError
from ragapp.synthesis.engine import Message

WORD_JOINER = "\u2060"
"""Invisible; put into control tokens found in text, and taken out of answers again."""


class ChatTokenizer(Protocol):
    """A tokenizer together with its model's chat format.

    ``terminators``: ids that end an answer. ``vocabulary_size``: ids run below it.
    """

    terminators: tuple[int, ...]
    vocabulary_size: int

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, without any special token."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""


class TemplateTokenizer:
    """A transformers tokenizer with a chat template."""

    def __init__(self, tokenizer: Any, terminators: tuple[int, ...], thinking: bool) -> None:  # noqa: ANN401
        self.terminators = terminators
        self.vocabulary_size = len(tokenizer)
        self._tokenizer = tokenizer
        self._thinking = thinking
        self._control_tokens = sorted(
            {str(token) for token in tokenizer.get_added_vocab()}
            | set(tokenizer.all_special_tokens),
            key=len,
            reverse=True,
        )

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins."""
        encoded = self._tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in messages],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            enable_thinking=self._thinking,  # templates that know no thinking ignore it
        )
        return list(encoded["input_ids"])

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, without any special token."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.replace(WORD_JOINER, "")

    def neutralise(self, text: str) -> str:
        """Break every control token in a text with an invisible character."""
        for token in self._control_tokens:
            if token in text:
                text = text.replace(token, token[0] + WORD_JOINER + token[1:])
        return text


def load_chat_tokenizer(
    folder: Path, name: str, *, thinking: bool = False, trust_remote_code: bool = False
) -> ChatTokenizer:
    """Load the tokenizer of a chat model from its folder.

    Raises:
        ModelError: it cannot be read, or it has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"chat model '{name}'",
            f"{folder} cannot be loaded ({error})",
            f"Fetch it again with `ragapp models pull {name}`.",
        ) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"chat model '{name}'",
            "it has no chat template, so it is a base model that was not trained to answer",
            "Choose an instruct or chat model; `ragapp models list` shows some.",
        )
    return TemplateTokenizer(tokenizer, _terminators(folder, tokenizer), thinking)


def _terminators(folder: Path, tokenizer: Any) -> tuple[int, ...]:  # noqa: ANN401
    from transformers import GenerationConfig

    try:
        declared = GenerationConfig.from_pretrained(folder).eos_token_id
    except OSError:  # the file is optional
        declared = None
    ids = declared if isinstance(declared, list) else [declared, tokenizer.eos_token_id]
    return tuple(dict.fromkeys(int(token) for token in ids if token is not None))
