"""What ragapp itself says in an answer, in the language and script of the question."""

from __future__ import annotations

from ragapp.text.language import Language, language_of
from ragapp.words.answers import ENGLISH, SIMPLIFIED, TRADITIONAL, Phrases

TRADITIONAL_ONLY = frozenset(
    "這個們來時會為過對說還沒麼嗎請問誰哪裡東車學國點開關體實發經現電動應當與從條"
)


def phrases_for(question: str) -> Phrases:
    """Return the phrases in the language, and for Chinese the script, of a question."""
    if language_of(question) is Language.ENGLISH:
        return ENGLISH
    return TRADITIONAL if TRADITIONAL_ONLY & set(question) else SIMPLIFIED
