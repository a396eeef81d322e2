"""How much each term of a question counts, in the knowledge base that is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ragapp.text.terms import idf

if TYPE_CHECKING:
    from ragapp.index.backend import SearchIndex

ABSENT_SHARE = 0.5
"""Of the weight of the rarest term: what a word that occurs nowhere counts. It is what the
documents do not say, or say in other words."""

_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d]|.*[.@]).+")


def weigh(asked: Mapping[str, float], index: SearchIndex) -> dict[str, float]:
    """Return the idf of each term times how much it is asked for, scaled to a sum of 1.

    A code that occurs nowhere counts in full: no other will do.
    """
    frequencies, size = index.frequencies(asked), index.size()
    weights = {
        term: share
        * idf(size, frequencies[term])
        * (1.0 if frequencies[term] or _CODE.fullmatch(term) else ABSENT_SHARE)
        for term, share in asked.items()
    }
    total = sum(weights.values())
    return {term: weight / total for term, weight in weights.items()} if total else {}
