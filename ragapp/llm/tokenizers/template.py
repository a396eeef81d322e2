"""A transformers tokenizer with a chat template."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ragapp.errors import ModelError
from ragapp.llm import families
from ragapp.llm.engine import Message
from ragapp.llm.reader import THINKING_BEGINS
from ragapp.llm.tokenizers.protocol import WORD_JOINER
from ragapp.untyped import Rendered, Tokenizer

logger = logging.getLogger(__name__)

# Put through a template once, to see whether it takes a system message.
PROBE = (Message("system", "ragapp-system"), Message("user", "ragapp-user"))


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
        tokenizer: Tokenizer,
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
        self.opens_thinking = question.rstrip().endswith(THINKING_BEGINS)

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
            raise ModelError("chat_template_without_question", name=self._name)
        return False

    def _apply(self, messages: Sequence[Message], **how: bool) -> Rendered:
        try:
            return self._tokenizer.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in messages],
                add_generation_prompt=True,
                enable_thinking=self._thinking,  # templates that know no thinking ignore it
                **how,
            )
        except Exception as error:  # a template is a program of somebody else's
            reason = str(error) or type(error).__name__
            raise ModelError("chat_template_broken", name=self._name, reason=reason) from error


def merge_system(messages: Sequence[Message]) -> list[Message]:
    """Put the text of system messages in front of the first question."""
    system = [message.content for message in messages if message.role == "system"]
    merged = [message for message in messages if message.role != "system"]
    for number, message in enumerate(merged):
        if message.role == "user":
            merged[number] = Message("user", "\n\n".join([*system, message.content]))
            return merged
    return [*merged, Message("user", "\n\n".join(system))] if system else merged
