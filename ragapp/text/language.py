"""Which of the two languages a text is in, as far as vectors care."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from ragapp.text.chinese import INDEXED_BASIC

HAN = re.compile(f"[{INDEXED_BASIC}]")
LATIN_WORD = re.compile(r"[A-Za-z]{2,}")


class Language(StrEnum):
    """Chinese, or anything else."""

    CHINESE = "zh"
    ENGLISH = "en"


def language_of(text: str) -> Language:
    """Say Chinese when the Han characters outnumber the Latin words.

    A Chinese question about "BERT whitening" is Chinese; an English one about 白化 is English.
    """
    han = len(HAN.findall(text))
    return Language.CHINESE if han > len(LATIN_WORD.findall(text)) else Language.ENGLISH


def languages_of(texts: Sequence[str]) -> list[Language]:
    """Say the language of each text."""
    return [language_of(text) for text in texts]
