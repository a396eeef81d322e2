"""Which texts are nearly the same: sketches of a text, and the one that resembles it most.

A sketch is the ``SIZE`` smallest hashes of a text's windows of ``WINDOW`` characters; how many of
the smallest of two texts together are in both estimates the share of windows they have in common
(Broder 1997, "On the resemblance and containment of documents").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sketch = NDArray[np.uint64]

WINDOW = 12
SIZE = 64
"""The estimate is within 0.1 of the share in 95 of 100 cases."""
SHORTEST = 100
"""Characters below which two texts are alike by chance."""
SLICE = 1_000_000
"""Characters hashed at a time."""
NEARLY = 0.85
MARKS = 4
"""Smallest hashes by which candidates are found: of texts that are nearly the same, one is shared
but for one case in two thousand."""


def sketch(text: str) -> Sketch:
    """Return the sketch of a text, sorted; empty for a short one. Space and case do not count."""
    smallest = np.zeros(0, np.uint64)
    if len(text) < SHORTEST:
        return smallest
    for start in range(0, len(text), SLICE):
        hashes = _windows("".join(text[start : start + SLICE].split()).lower())
        smallest = np.unique(np.concatenate([smallest, hashes]))[:SIZE]
    return smallest


def _windows(letters: str) -> Sketch:
    """Return the hashes of all windows of a text."""
    codes = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), np.uint32)
    windows = max(0, len(codes) - WINDOW + 1)
    hashes = np.zeros(windows, np.uint64)
    for place in range(WINDOW):
        hashes = hashes * np.uint64(0x100000001B3) + codes[place : place + windows]
    return _mixed(hashes)


def resemblance(one: Sketch, other: Sketch) -> float:
    """Estimate the share of windows that two texts have in common."""
    together = np.union1d(one, other)[:SIZE]
    both = np.intersect1d(one, other, assume_unique=True)
    return float(np.isin(together, both).mean()) if len(together) else 0.0


class Resembling:
    """Texts by name, with their sketches."""

    def __init__(self, known: Iterable[tuple[str, Sketch]] = ()) -> None:
        self._sketches: dict[str, Sketch] = {}
        self._by_mark: dict[int, list[str]] = {}
        for name, one in known:
            self.add(name, one)

    def add(self, name: str, one: Sketch) -> None:
        """Take in a text, in place of the one that had this name."""
        self._sketches[name] = one
        for mark in one[:MARKS].tolist():
            self._by_mark.setdefault(mark, []).append(name)

    def nearest(self, name: str, one: Sketch) -> tuple[str, float] | None:
        """Return the other text that is nearly the same, and how much of it; None: none is."""
        marks = one[:MARKS].tolist()
        others = {other for mark in marks for other in self._by_mark.get(mark, ())} - {name}
        shares = {other: resemblance(one, self._sketches[other]) for other in sorted(others)}
        best = max(shares, key=shares.__getitem__, default="")
        return (best, shares[best]) if best and shares[best] >= NEARLY else None


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter hashes over all numbers (splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
