"""What ragapp itself says in an answer, in the language and script of the question."""

from __future__ import annotations

from ragapp.text.chinese import is_traditional
from ragapp.text.language import Language, language_of
from ragapp.words.answers import ENGLISH, SIMPLIFIED, TRADITIONAL, Phrases


def phrases_for(question: str) -> Phrases:
    """Return the phrases in the language, and for Chinese the script, of a question."""
    if language_of(question) is Language.ENGLISH:
        return ENGLISH
    return TRADITIONAL if is_traditional(question) else SIMPLIFIED
