"""Text to lexical terms, the same for documents and questions.

Words of alphabetic scripts are lower-cased and lose a plural ending; runs of Han characters give
every character and every pair of neighbours. Compatibility forms (full-width letters, ligatures)
and Traditional characters are folded, so 軟體 finds 软体 and ＢＭ２５ finds BM25.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragapp.text.chinese import (
    FIRST_UNSPACED_LETTER,
    INDEXED,
    KANA_HANGUL,
    simplified_characters,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TERMS_VERSION = 1
"""Stored with the terms; a change of this module's rules needs a new number."""

TOKEN = re.compile(rf"[{INDEXED}{KANA_HANGUL}]+|[^\W_{INDEXED}{KANA_HANGUL}]+")

WORD = re.compile(rf"[^\W_{INDEXED}{KANA_HANGUL}]+")


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
    found: list[str] = []
    for run in TOKEN.findall(fold(text)):
        if run[0] >= FIRST_UNSPACED_LETTER:
            found.extend(run)
            found.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            found.append(_singular(run))
    return found


def coverage(weights: Mapping[str, float], text: str) -> float:
    """Return the sum of the weights of those terms that occur in a text.

    Quicker than cutting the text into terms, because Han terms are looked up as substrings.
    """
    folded = fold(text)
    words: set[str] | None = None
    total = 0.0
    for term, weight in weights.items():
        if term[0] >= FIRST_UNSPACED_LETTER:
            present = term in folded
        else:
            if words is None:
                words = {_singular(word) for word in WORD.findall(folded)}
            present = term in words
        if present:
            total += weight
    return total


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


def _singular(word: str) -> str:
    # The lightest stemming that pays: plurals only (Harman 1991, the S-stemmer).
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        return word[:-1]
    return word
