"""Text to lexical terms, the same for documents and questions.

Words of alphabetic scripts are lower-cased and stemmed; runs of Han characters give every character
and every pair of neighbours. Compatibility forms (full-width letters, ligatures) and Traditional
characters are folded, so 軟體 finds 软体 and ＢＭ２５ finds BM25. A code, a number or a date is a
term as a whole, too, however it is written (``codes``).
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ragapp.text.chinese import (
    FIRST_UNSPACED_LETTER,
    INDEXED,
    KANA_HANGUL,
    simplified_characters,
)
from ragapp.text.codes import codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

TERMS_VERSION = 2
"""Stored with the terms; a change of the rules here and in ``codes`` needs a new number."""

TOKEN = re.compile(rf"[{INDEXED}{KANA_HANGUL}]+|[^\W_{INDEXED}{KANA_HANGUL}]+")

WORD = re.compile(rf"[^\W_{INDEXED}{KANA_HANGUL}]+")

_ENGLISH = re.compile(r"[a-z]{3,40}")
_RUSSIAN = re.compile(r"[а-яё]{3,40}")


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Distinct terms of one text: 64-bit hashes, sorted, (n,) uint64; counts (n,) uint16."""

    hashes: NDArray[np.uint64]
    counts: NDArray[np.uint16]


def fold(text: str) -> str:
    """Fold compatibility forms, case and Traditional characters; the length may change."""
    return unicodedata.normalize("NFKC", text).lower().translate(simplified_characters())


def terms(text: str) -> list[str]:
    """Cut text into terms, repeats kept."""
    folded = fold(text)
    found: list[str] = []
    for run in TOKEN.findall(folded):
        if run[0] >= FIRST_UNSPACED_LETTER:
            found.extend(run)
            found.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            found.append(stem(run))
    found.extend(codes(folded))
    return found


def terms_among(wanted: Iterable[str], text: str) -> set[str]:
    """Return those of some terms that occur in a text.

    Quicker than cutting the text into terms, because Han terms are looked up as substrings.
    """
    folded = fold(text)
    spaced: set[str] | None = None
    found = set()
    for term in wanted:
        if term[0] >= FIRST_UNSPACED_LETTER:
            present = term in folded
        else:
            if spaced is None:
                spaced = {stem(word) for word in WORD.findall(folded)}
                spaced.update(codes(folded))
            present = term in spaced
        if present:
            found.add(term)
    return found


def term_counts(text: str) -> TermCounts:
    """Count the terms of a text."""
    counted = Counter(terms(text))
    hashes = np.array([term_hash(term) for term in counted], np.uint64)
    counts = np.minimum(np.array(list(counted.values()), np.int64), 65535).astype(np.uint16)
    order = np.argsort(hashes)
    return TermCounts(hashes[order], counts[order])


def term_hash(term: str) -> int:
    """Return 64 bits that stand for a term; at a million terms a clash has odds of 1 in 10^7."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")


def idf(size: int, frequency: int) -> float:
    """Return the weight of a term that ``frequency`` of ``size`` passages hold.

    Never below 0 (Robertson & Zaragoza 2009, section 3, with 1 added in the logarithm).
    """
    return math.log1p((size - frequency + 0.5) / (frequency + 0.5))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return the stem of a folded word (Porter 2001, Snowball: English and Russian)."""
    if _ENGLISH.fullmatch(word):
        language = "english"
    elif _RUSSIAN.fullmatch(word):
        language = "russian"
    else:
        return word
    from Stemmer import Stemmer

    stemmed: str = Stemmer(language).stemWord(word)  # one each: they are not for many threads
    return stemmed
