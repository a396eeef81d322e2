"""One thing that orders have about them, and how the tables of them are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

ORDER = 4
"""Weight from which a sentence is an order, and sentences that stand together when they name
the machine or what it was told."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that orders have about them; ``weight`` of ``ORDER``."""

    name: str
    weight: int
    pattern: re.Pattern[str]


def sign(name: str, weight: int, *alternatives: str) -> Sign:
    """Make a sign of patterns, any of which shows it; each pattern is a regular expression."""
    return Sign(name, weight, re.compile("|".join(alternatives)))
