"""Forbidden words: no answer contains them, however a model would spell them in tokens.

The check is on text, not on token ids: a word can be cut into tokens in many ways. After each
token, those that would complete a forbidden spelling of a word are given probability zero. A word
counts inside longer ones too, since Chinese has no borders and English grows endings.
"""

from __future__ import annotations

import itertools
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.llm.tokenizers.vocabulary import token_bytes
from ragapp.text.chinese import alternative_characters, written_forms

if TYPE_CHECKING:
    import torch

MOST_CHARACTER_VARIANTS = 64
"""Of one word, by exchanging single characters: 发 alone has two Traditional forms, and a word of
many such characters would have thousands; OpenCC's conversions of the whole word come besides."""

SEPARATOR = b"\xff"
"""In no UTF-8 text, and after every byte that is."""

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def spellings(word: str) -> frozenset[str]:
    """Return a word as it may be written: in any case, Simplified, Traditional, and full width."""
    found = {word, unicodedata.normalize("NFKC", word)}
    found |= {each for text in found for each in _chinese_forms(text)}
    for text in tuple(found):
        found |= {text.lower(), text.upper(), text.capitalize(), text.title()}
    found |= {text.translate(FULL_WIDTH) for text in found}
    return frozenset(found)


class ForbiddenWords:
    """A logits processor of transformers: rows may be prompts of a batch, or beams.

    ``prompt_length`` counts the ids of each row before the answer, padding included.
    """

    def __init__(self, words: Sequence[str], tokenizer: ChatTokenizer, prompt_length: int) -> None:
        self._completions = _completions(tuple(words), tokenizer)  # type: ignore[arg-type]
        self._prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return ``scores`` (rows, vocabulary) with minus infinity for forbidden tokens."""
        scores = scores.clone()
        scores[:, self._completions.always.to(scores.device)] = -inf
        for row, said in zip(scores, input_ids[:, self._prompt_length :].tolist(), strict=True):
            for tokens in self._completions.after(said):
                row[tokens.to(scores.device)] = -inf
        return scores


class _Completions:
    """Which tokens would complete a forbidden word, by what has been said."""

    def __init__(self, words: Sequence[str], vocabulary: _Vocabulary) -> None:
        import torch

        written = {_folded(text.encode()) for word in words for text in spellings(word)}
        self.always = torch.tensor(vocabulary.containing(written), dtype=torch.long)
        self._vocabulary = vocabulary
        self._longest = max(map(len, written))
        # By the beginning of a word, in bytes: tokens that begin with its rest.
        self._by_beginning: dict[bytes, list[torch.Tensor]] = {}
        for text in written:
            for cut in range(1, len(text)):
                if tokens := vocabulary.starting_with(text[cut:]):
                    of_beginning = self._by_beginning.setdefault(text[:cut], [])
                    of_beginning.append(torch.tensor(tokens))

    def after(self, said: Sequence[int]) -> Iterator[torch.Tensor]:
        """Yield the tokens that would complete a word that the ids said so far have begun."""
        tail = self._vocabulary.tail(said, self._longest)
        for start in range(len(tail)):
            yield from self._by_beginning.get(tail[start:], ())


class _Vocabulary:
    """The bytes of every token, and which tokens begin with given bytes.

    Latin letters are lower case throughout, so that a word is found in any mixture of cases.
    """

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self._tokens = [_folded(token) for token in tokens]
        self._order = sorted(range(len(tokens)), key=self._tokens.__getitem__)
        self._sorted = [self._tokens[token] for token in self._order]

    def starting_with(self, text: bytes) -> list[int]:
        """Return the tokens whose bytes begin with ``text``."""
        begin = bisect_left(self._sorted, text)
        end = bisect_left(self._sorted, text + SEPARATOR, lo=begin)
        return self._order[begin:end]

    def containing(self, texts: Iterable[bytes]) -> list[int]:
        """Return the tokens that have one of the texts in them."""
        joined = SEPARATOR.join(self._tokens)
        starts = [0, *itertools.accumulate(len(token) + 1 for token in self._tokens)]
        found: set[int] = set()
        for text in texts:
            at = joined.find(text)
            while at >= 0:
                token = bisect_right(starts, at) - 1
                found.add(token)
                at = joined.find(text, starts[token + 1])
        return sorted(found)

    def tail(self, ids: Sequence[int], length: int) -> bytes:
        """Return the last ``length`` bytes of what ids say, or all if there are fewer."""
        kept = b""
        for token in reversed(ids):
            if len(kept) >= length:
                break
            if token < len(self._tokens):  # models pad their vocabulary
                kept = self._tokens[token] + kept
        return kept[-length:]


@lru_cache(maxsize=8)  # the same words in every answer, as a rule
def _completions(words: tuple[str, ...], tokenizer: ChatTokenizer) -> _Completions:
    return _Completions(words, _vocabulary(tokenizer))  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _vocabulary(tokenizer: ChatTokenizer) -> _Vocabulary:
    """Read a tokenizer's vocabulary, once for all answers of a model."""
    return _Vocabulary(token_bytes(tokenizer))


def _folded(text: bytes) -> bytes:
    return text.lower()  # of bytes: A to Z only


def _chinese_forms(text: str) -> set[str]:
    whole = written_forms(text)
    if not whole:
        return set()
    alternatives = alternative_characters()
    each = [sorted({character} | alternatives.get(character, set())) for character in text]
    exchanged = itertools.islice(itertools.product(*each), MOST_CHARACTER_VARIANTS)
    return whole | {"".join(characters) for characters in exchanged}
