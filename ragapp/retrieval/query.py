"""The question as it is searched for: a follow-up carries what it refers to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ragapp.errors import EmptyQuestion, QuestionTooLong
from ragapp.text.encodable import as_text
from ragapp.text.function_words import question_terms
from ragapp.text.language import Language, language_of
from ragapp.types import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Words that point back at something said before. A question with one of them, or a very short
# one, is searched together with the question before it.
POINTS_BACK_ENGLISH = re.compile(
    r"\b(it|its|they|them|their|he|him|his|she|her|this|that|these|those|former|latter|same|"
    r"one|ones|another|instead|else|also|then)\b"
    r"|^\s*(and|but|or|so|what about|how about)\b",
    re.IGNORECASE,
)
POINTS_BACK_CHINESE = re.compile(
    r"(?<!其)[它他她]|[这這那]|其(?!他|它|实|實|余|餘|中)|(?<![应應])[该該]|(?<![因如彼])此(?!外)|"
    r"前者|后者|後者|上述|呢[?？]?$|^(那么|那麼|还有|還有|另外)"
)
SHORT_WORDS = 3
SHORT_HAN = 6
CONTEXT_SHARE = 0.4
"""Of what a term counts that only the question before a follow-up holds: what is new in the
follow-up has to win over what it stands in place of."""
QUERY_MARKUP_TOKENS = 12
"""Prefix and special tokens beside a question."""


class QueryEncoder(Protocol):
    """What a search needs of the encoder; ``max_tokens`` holds special tokens, too."""

    max_tokens: int

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode questions to (n, d) float32, unit length."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question ready to be searched for, with what it refers to.

    vector: (d,) float32 raw, unit length; terms: how much each counts, those of the question
    itself 1 for each time that they stand in it.
    """

    text: str
    vector: NDArray[np.float32]
    language: Language
    terms: Mapping[str, float]


def make_query(question: str, history: Sequence[Turn], encoder: QueryEncoder) -> Query:
    """Encode a question, with its context when it refers to the conversation.

    Raises:
        EmptyQuestion: there is nothing but white space and punctuation in it.
        QuestionTooLong: the encoder would have to cut it.
    """
    if not re.search(r"\w", question):
        raise EmptyQuestion("question_is_empty")
    room = encoder.max_tokens - QUERY_MARKUP_TOKENS
    question = as_text(question)
    text = as_text(in_context(question, history))
    alone, length = encoder.count_tokens([question, text])
    if alone > room:
        raise QuestionTooLong("question_too_long_to_search", tokens=alone, room=room)
    if length > room:  # the conversation does not fit: search for the question as it stands
        text = question.strip()
    if text == question.strip():
        return query_of(text, encoder.encode_queries([text])[0])
    alone_vector, vector = encoder.encode_queries([question, text])
    both = alone_vector + vector
    terms = _terms_in_context(question, history)
    return Query(text, both / np.linalg.norm(both), language_of(question), terms)


def query_of(question: str, vector: NDArray[np.float32]) -> Query:
    """Return a question that stands on its own; vector: (d,) float32 raw, unit length."""
    return Query(question, vector, language_of(question), Counter(question_terms(question)))


def _terms_in_context(question: str, history: Sequence[Turn]) -> Mapping[str, float]:
    """Return the terms of a follow-up; those of the questions before it count for less and less."""
    found: dict[str, float] = dict(Counter(question_terms(question)))
    share = CONTEXT_SHARE
    for place in range(len(history) - 1, -1, -1):
        earlier = history[place].question
        for term in question_terms(earlier):
            found.setdefault(term, share)
        if not refers_back(earlier):
            break
        share *= CONTEXT_SHARE
    return found


def in_context(question: str, history: Sequence[Turn]) -> str:
    """Put the question before in front of a follow-up; other questions stay as they are.

    A chain of follow-ups goes back to the last question that stood on its own.
    """
    question = question.strip()
    if not history or not refers_back(question):
        return question
    earlier = in_context(history[-1].question, history[:-1])
    return f"{earlier} {question}"


def refers_back(question: str) -> bool:
    """Say whether a question only makes sense after another one."""
    if language_of(question) is Language.CHINESE:
        return len(question) <= SHORT_HAN or bool(POINTS_BACK_CHINESE.search(question))
    return len(question.split()) <= SHORT_WORDS or bool(POINTS_BACK_ENGLISH.search(question))
