"""How much each term of a question counts, in the knowledge base that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ragapp.text.chinese import FIRST_UNSPACED_LETTER
from ragapp.text.terms import idf

if TYPE_CHECKING:
    from ragapp.index.backend import SearchIndex

SINGLE_SHARE = 0.2
"""Of what a single Han character counts beside pairs: 制 and 冷 do not make 制冷剂."""


def weigh(asked: Mapping[str, float], index: SearchIndex) -> dict[str, float]:
    """Return the idf of each term times how much it is asked for, scaled to a sum of 1.

    A term that occurs nowhere weighs most: it is what the documents do not say.
    """
    frequencies, size = index.frequencies(asked), index.size()
    weights = {
        term: share * idf(size, frequencies[term]) * (SINGLE_SHARE if _is_single(term) else 1.0)
        for term, share in asked.items()
    }
    total = sum(weights.values())
    return {term: weight / total for term, weight in weights.items()} if total else {}


def _is_single(term: str) -> bool:
    return len(term) == 1 and term >= FIRST_UNSPACED_LETTER
