"""The tokenizers and chat formats of ChatGLM2 and ChatGLM3.

Both are a SentencePiece model, with the control tokens numbered after its pieces; the formats are
those of ``build_prompt`` (ChatGLM2-6B) and ``build_chat_input`` (ChatGLM3-6B) in the tokenizers
published with the checkpoints, token for token. As there, text never becomes a control token,
whatever it spells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ragapp.errors import ModelError
from ragapp.llm.engine import Message
from ragapp.llm.tokenizers.protocol import WORD_JOINER
from ragapp.untyped import SentencePieces

TOKENIZER_FILE = "tokenizer.model"
CONTROL_TOKENS = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
# ChatGLM2's rounds are plain text, so a document could otherwise spell one.
ROUND_MARK = re.compile(r"^(\s*)(\[|问|答)(?=Round|：)", re.MULTILINE)


class _Pieces:
    """What both versions share: SentencePiece, and control tokens numbered after its pieces."""

    control_tokens: tuple[str, ...] = CONTROL_TOKENS
    can_think = False
    opens_thinking = False

    def __init__(self, pieces: SentencePieces, name: str) -> None:
        self._pieces = pieces
        self._name = name
        self._piece_count = int(pieces.vocab_size())
        self._ids = {
            token: self._piece_count + number for number, token in enumerate(self.control_tokens)
        }
        self.vocabulary_size = self._piece_count + len(self._ids)
        self.terminators: tuple[int, ...] = (int(pieces.eos_id()),)

    def completion_ids(self, text: str) -> list[int]:
        """Return the ids of a text to go on with, after what every text begins with."""
        return self._start() + self.encode(text)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, without any special token."""
        return list(self._pieces.encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens; half a character becomes U+FFFD."""
        kept = [int(token) for token in ids if token < self._piece_count]
        text: str = self._pieces.decode(kept)
        return text.replace(WORD_JOINER, "")

    def pieces(self) -> list[str]:
        """Return the tokens by id as the vocabulary spells them; control tokens are empty."""
        pieces = [
            "" if self._pieces.is_control(token) else str(self._pieces.id_to_piece(token))
            for token in range(self._piece_count)
        ]
        return pieces + [""] * len(self._ids)

    def _start(self) -> list[int]:
        return [self._ids["[gMASK]"], self._ids["sop"]]


class ChatGLM2Tokenizer(_Pieces):
    """ChatGLM2: numbered rounds of 问 and 答, all in one text."""

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins.

        The format knows no system role, so that text stands in front of the first question.
        """
        rounds: list[tuple[str, str | None]] = []
        waiting: list[str] = []  # said, and not answered yet
        for message in messages:
            if message.role == "assistant":
                rounds.append(("\n\n".join(waiting), message.content))
                waiting = []
            else:
                waiting.append(message.content)
        rounds.append(("\n\n".join(waiting), None))
        text = "\n\n".join(
            f"[Round {number}]\n\n问：{question}\n\n答：{answer or ''}"
            for number, (question, answer) in enumerate(rounds, start=1)
        )
        return self._start() + self.encode(text)

    def neutralise(self, text: str) -> str:
        """Break what would read as the beginning of a round, a question or an answer."""
        return ROUND_MARK.sub(rf"\1\2{WORD_JOINER}", text)


class ChatGLM3Tokenizer(_Pieces):
    """ChatGLM3: a role token before each message, and a line for metadata, empty in a chat."""

    control_tokens = CONTROL_TOKENS + ROLE_TOKENS

    def __init__(self, pieces: SentencePieces, name: str) -> None:
        super().__init__(pieces, name)
        self.terminators += (self._ids["<|user|>"], self._ids["<|observation|>"])

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids of a prompt, up to where the model's answer begins.

        Raises:
            ModelError: a message has a role that the model does not know.
        """
        ids = self._start()
        for message in messages:
            role = self._ids.get(f"<|{message.role}|>")
            if role is None:
                raise ModelError("chatglm_unknown_role", name=self._name, role=message.role)
            ids += [role, *self.encode("\n"), *self.encode(message.content)]
        return [*ids, self._ids["<|assistant|>"]]

    def neutralise(self, text: str) -> str:
        """Return the text as it is: none can be read as a control token."""
        return text


def load_chatglm_tokenizer(
    folder: Path, name: str, version: int
) -> ChatGLM2Tokenizer | ChatGLM3Tokenizer:
    """Load the tokenizer of ChatGLM ``version`` 2 or 3.

    Raises:
        ModelError: there is no SentencePiece model in the folder.
    """
    from sentencepiece import SentencePieceProcessor

    try:
        pieces = SentencePieceProcessor(model_file=str(folder / TOKENIZER_FILE))
    except (OSError, RuntimeError) as error:
        raise ModelError(
            "no_sentencepiece_model", name=name, file=folder / TOKENIZER_FILE, reason=str(error)
        ) from error
    return (ChatGLM3Tokenizer if version == 3 else ChatGLM2Tokenizer)(pieces, name)
