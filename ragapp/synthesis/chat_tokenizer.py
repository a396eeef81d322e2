"""Chat messages to the ids a model was trained on, and its ids back to text."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ragapp.errors import ModelError
from ragapp.synthesis import families
from ragapp.synthesis import thinking as thinking_marks
from ragapp.synthesis.engine import Message
from ragapp.synthesis.families import Family

logger = logging.getLogger(__name__)

WORD_JOINER = "\u2060"
"""Invisible; put into control tokens found in text, and taken out of answers again."""

# Put through a template once, to see whether it takes a system message.
PROBE = (Message("system", "ragapp-system"), Message("user", "ragapp-user"))


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


class TemplateTokenizer:
    """A transformers tokenizer with a chat template, which runs in transformers' Jinja sandbox.

    ``name`` is the model's, for errors; ``marks`` are strings that structure the format though
    they are no control tokens. Where a template has no place for a system message, its text
    stands in front of the first question.

    Raises:
        ModelError: the template is broken, or tries what the sandbox forbids.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - transformers' tokenizer
        name: str,
        terminators: tuple[int, ...],
        *,
        thinking: bool = False,
        marks: tuple[str, ...] = (),
    ) -> None:
        self.terminators = terminators
        self.vocabulary_size = len(tokenizer)
        self._tokenizer = tokenizer
        self._name = name
        self._thinking = thinking
        self._control_tokens = sorted(
            {str(token) for token in tokenizer.get_added_vocab()}
            | set(tokenizer.all_special_tokens)
            | set(marks),
            key=len,
            reverse=True,
        )
        self._takes_system = self._probe()
        self.can_think = families.can_think(tokenizer.get_chat_template())
        question = self._apply(PROBE[1:], tokenize=False)
        self.opens_thinking = question.rstrip().endswith(thinking_marks.OPENING)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins."""
        if not self._takes_system:
            messages = merge_system(messages)
        encoded = self._apply(messages, tokenize=True, return_dict=True)
        return list(encoded["input_ids"])

    def completion_ids(self, text: str) -> list[int]:
        """Return the ids of a text to go on with, after what every text begins with."""
        return list(self._tokenizer.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, without any special token."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.replace(WORD_JOINER, "")

    def pieces(self) -> list[str]:
        """Return the tokens by id as the vocabulary spells them; control tokens are empty."""
        pieces = self._tokenizer.convert_ids_to_tokens(range(self.vocabulary_size))
        added = self._tokenizer.added_tokens_decoder
        control = {token for token, piece in added.items() if piece.special}
        return [
            "" if piece is None or token in control else piece for token, piece in enumerate(pieces)
        ]

    def neutralise(self, text: str) -> str:
        """Break every control token in a text with an invisible character."""
        for token in self._control_tokens:
            if token in text:
                text = text.replace(token, token[0] + WORD_JOINER + token[1:])
        return text

    def _probe(self) -> bool:
        """Tell whether a system message arrives in the prompt; see that a question does."""
        try:
            if all(probe.content in self._apply(PROBE, tokenize=False) for probe in PROBE):
                return True
        except ModelError as error:
            logger.debug("without a system message: %s", error)
        question = PROBE[1]
        if question.content not in self._apply([question], tokenize=False):
            raise self._broken("it leaves out the question")
        return False

    def _apply(self, messages: Sequence[Message], **how: bool) -> Any:  # noqa: ANN401 - text or ids
        try:
            return self._tokenizer.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in messages],
                add_generation_prompt=True,
                enable_thinking=self._thinking,  # templates that know no thinking ignore it
                **how,
            )
        except Exception as error:  # a template is a program of somebody else's
            raise self._broken(str(error) or type(error).__name__) from error

    def _broken(self, why: str) -> ModelError:
        return ModelError(
            f"the chat template of '{self._name}'",
            f"it cannot be used: {why}",
            "Choose another model, or put a corrected chat_template.jinja into the model's folder.",
        )


def merge_system(messages: Sequence[Message]) -> list[Message]:
    """Put the text of system messages in front of the first question."""
    system = [message.content for message in messages if message.role == "system"]
    merged = [message for message in messages if message.role != "system"]
    for number, message in enumerate(merged):
        if message.role == "user":
            merged[number] = Message("user", "\n\n".join([*system, message.content]))
            return merged
    return [*merged, Message("user", "\n\n".join(system))] if system else merged


def load_chat_tokenizer(
    folder: Path, name: str, *, thinking: bool = False, trust_remote_code: bool = False
) -> ChatTokenizer:
    """Load the tokenizer of a chat model from its folder, with the format of its family.

    thinking: let a model that can think do so before it answers.

    Raises:
        ModelError: it cannot be read, its architecture is unknown, or it is a base model without
            a chat format.
    """
    family = families.family_of(folder, name, trust_remote_code=trust_remote_code)
    if family in (Family.CHATGLM_2, Family.CHATGLM_3):
        from ragapp.synthesis.chatglm import load_chatglm_tokenizer

        return load_chatglm_tokenizer(folder, name, 3 if family is Family.CHATGLM_3 else 2)
    if trust_remote_code:
        logger.warning("%s may run code of its own, as trust_remote_code allows", name)
    # The published formats count on it: SentencePiece's space also after a control token.
    options = {"legacy": True} if family in families.FORMATS else {}
    tokenizer = _load(folder, name, trust_remote_code=trust_remote_code, **options)
    marks: tuple[str, ...] = ()
    if not tokenizer.chat_template:
        if family not in families.FORMATS:
            raise ModelError(
                f"chat model '{name}'",
                "it has no chat template, so it is a base model that was not trained to answer",
                "Choose an instruct or chat model; `ragapp models list` shows some.",
            )
        tokenizer.chat_template = families.FORMATS[family].template
        marks = families.FORMATS[family].marks
    terminators = _terminators(folder, tokenizer, family)
    return TemplateTokenizer(tokenizer, name, terminators, thinking=thinking, marks=marks)


def _load(folder: Path, name: str, **options: bool) -> Any:  # noqa: ANN401 - transformers' tokenizer
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except Exception as error:  # the Rust library raises bare exceptions for a damaged file
        raise _unreadable(folder, name, str(error)) from error
    if not tokenizer.encode("a", add_special_tokens=False):  # built without its files
        raise _unreadable(folder, name, "the files of its tokenizer are missing")
    return tokenizer


def _unreadable(folder: Path, name: str, why: str) -> ModelError:
    return ModelError(
        f"chat model '{name}'",
        f"{folder} cannot be loaded ({why})",
        f"Fetch it again with `ragapp models pull {name}`.",
    )


def _terminators(folder: Path, tokenizer: Any, family: Family) -> tuple[int, ...]:  # noqa: ANN401
    """Collect the ids that the files declare, then those that the family is known for."""
    from transformers import GenerationConfig

    try:
        declared = GenerationConfig.from_pretrained(folder).eos_token_id
    except (OSError, ValueError):  # the file is optional
        declared = None
    ids = declared if isinstance(declared, list) else [declared]
    added = tokenizer.get_added_vocab()
    known = [added[token] for token in families.END_TOKENS.get(family, ()) if token in added]
    every = [*ids, tokenizer.eos_token_id, *known]
    return tuple(dict.fromkeys(int(token) for token in every if token is not None))
