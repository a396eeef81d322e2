"""What each token of a tokenizer adds to a text, in bytes: half a character is no text."""

from __future__ import annotations

import re
from functools import cache

from ragapp.llm.tokenizers.protocol import WORD_JOINER, ChatTokenizer

SENTENCE_PIECE_SPACE, BYTE_LEVEL_SPACE = "\u2581", "\u0120"  # ▁ and Ġ
BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(tokenizer: ChatTokenizer) -> list[bytes]:
    """Return the UTF-8 bytes of every id's token; none for control tokens.

    Joined, the bytes of an answer's tokens are those of its text, but for a space in front. How
    the vocabulary spells bytes shows in the space that its tokens begin with: SentencePiece
    (Llama 2, ChatGLM) spells it ``▁`` and a byte ``<0x0A>``; byte-level BPE (GPT-2, Llama 3,
    Qwen) spells each byte as one printable character, the space as ``Ġ``.
    """
    pieces = tokenizer.pieces()
    joiner = WORD_JOINER.encode()  # decoding leaves it out
    spaces = [piece[:1] for piece in pieces]
    in_sentence_pieces = spaces.count(SENTENCE_PIECE_SPACE) > spaces.count(BYTE_LEVEL_SPACE)
    read = _sentence_piece if in_sentence_pieces else _byte_level
    return [read(piece).replace(joiner, b"") for piece in pieces]


def _sentence_piece(piece: str) -> bytes:
    if byte := BYTE_PIECE.fullmatch(piece):
        return bytes([int(byte[1], 16)])
    return piece.replace(SENTENCE_PIECE_SPACE, " ").encode()


def _byte_level(piece: str) -> bytes:
    try:
        return piece.translate(_bytes_of_characters()).encode("latin-1")
    except UnicodeEncodeError:  # an added token, which is spelled as it reads
        return piece.encode()


@cache
def _bytes_of_characters() -> dict[int, int]:
    """Map the characters of byte-level BPE to bytes, both as numbers.

    Radford et al. 2019 (GPT-2): bytes that print in Latin-1 stand for themselves, the others take
    the characters from U+0100 on, in order.
    """
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in prints]
    return {0x100 + number: byte for number, byte in enumerate(others)}
