"""Equations of Word (OMML, ECMA-376 part 1, section 22.1) → one line a person can read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ragapp.documents.readers.docx.names import SKIPPED, M

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

DEEPEST = 40
"""Parts within one another; deeper ones are written one after the other."""

_RAISED = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_CAN_RAISE = re.compile(r"[0-9+\-−=()ni]+")
_CAN_LOWER = re.compile(r"[0-9+\-−=()]+")
_ONE = re.compile(r"[\w.]*[\w⁰¹²³⁴-⁹₀-₉′]|√?\w[\u0300-\u036f]?[⁰¹²³⁴-⁹₀-₉′]*|\(.*\)", re.DOTALL)
_SUM = re.compile(r"[+\-−±=<>≤≥,，]|\s")


def equation_text(math: Element) -> str:
    """Return an equation on one line: "g = 4π²L/T²", "√(x + 1)", "∑_(i=1)^n aᵢ"."""
    return _inside(math, 0)


def _inside(element: Element, depth: int) -> str:
    if depth > DEEPEST:
        return "".join(one.text or "" for one in element.iter(M + "t"))
    return "".join(_part(child, depth + 1) for child in element)


def _part(element: Element, depth: int) -> str:
    tag = element.tag
    if not isinstance(tag, str) or tag.endswith("Pr") or tag in SKIPPED:
        return ""
    name = tag.removeprefix(M)
    if name == "t":
        return element.text or ""
    write = _WRITERS.get(name, _inside)
    return write(element, depth)


def _fraction(element: Element, depth: int) -> str:
    above = _named(element, "num", depth)
    above = f"({above})" if _SUM.search(above) else above
    return f"{above}/{_factor(_named(element, 'den', depth))}"


def _script(element: Element, depth: int) -> str:
    base = _factor(_named(element, "e", depth))
    return base + _low(_named(element, "sub", depth)) + _high(_named(element, "sup", depth))


def _root(element: Element, depth: int) -> str:
    return f"{_high(_named(element, 'deg', depth))}√{_factor(_named(element, 'e', depth))}"


def _sum(element: Element, depth: int) -> str:
    sign = _property(element, "chr") or "∫"
    ends = _low(_named(element, "sub", depth)) + _high(_named(element, "sup", depth))
    return f"{sign}{ends} {_named(element, 'e', depth)}"


def _function(element: Element, depth: int) -> str:
    return f"{_named(element, 'fName', depth)}({_named(element, 'e', depth)})"


def _accented(element: Element, depth: int) -> str:
    """Write "x̂"; over more than a letter the accent stands over the last."""
    return _named(element, "e", depth) + (_property(element, "chr") or "\u0302")


def _barred(element: Element, depth: int) -> str:
    below = _property(element, "pos") != "top"
    return _named(element, "e", depth) + ("\u0332" if below else "\u0305")


def _limit(element: Element, depth: int) -> str:
    return f"{_named(element, 'e', depth)}_({_named(element, 'lim', depth)})"


def _named(element: Element, name: str, depth: int) -> str:
    part = element.find(M + name)
    return "" if part is None else _inside(part, depth).strip()


def _property(element: Element, name: str) -> str | None:
    found = element.find(f"{element.tag}Pr/{M}{name}")
    return None if found is None else found.get(M + "val")


def _bracketed(element: Element, depth: int) -> str:
    begin, end = _property(element, "begChr"), _property(element, "endChr")
    between = _property(element, "sepChr") or ", "
    parts = between.join(_inside(one, depth) for one in element.iterchildren(M + "e"))
    return f"{'(' if begin is None else begin}{parts}{')' if end is None else end}"


def _matrix(element: Element, depth: int) -> str:
    """Write the rows of a matrix, or the lines of a system of equations."""
    return "; ".join(_rows(element, depth))


def _rows(element: Element, depth: int) -> Iterator[str]:
    for row in element.iterchildren(M + "mr", M + "e"):
        cells = row.iterchildren(M + "e") if row.tag == M + "mr" else (row,)
        yield ", ".join(_inside(cell, depth) for cell in cells)


def _factor(text: str) -> str:
    """Put brackets around what would otherwise come apart."""
    return text if not text or _ONE.fullmatch(text) else f"({text})"


def _high(text: str) -> str:
    if not text or _CAN_RAISE.fullmatch(text):
        return text.translate(_RAISED)
    return f"^{text}" if len(text) == 1 else f"^({text})"


def _low(text: str) -> str:
    if not text or _CAN_LOWER.fullmatch(text):
        return text.translate(_LOWERED)
    return f"_{text}" if len(text) == 1 else f"_({text})"


_WRITERS: dict[str, Callable[[Element, int], str]] = {
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "rad": _root,
    "nary": _sum,
    "d": _bracketed,
    "func": _function,
    "acc": _accented,
    "bar": _barred,
    "m": _matrix,
    "eqArr": _matrix,
    "limLow": _limit,
    "limUpp": _limit,
}
