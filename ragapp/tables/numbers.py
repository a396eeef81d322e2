"""Quantities as people write them: "€1,150", "9 EUR", "1.234,50", "24 V", "12 %", "1.2万"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_DIGITS = re.compile(r"[-−]?\d+(?:[.,'’ ]\d{3})*(?:[.,]\d+)?")
_CURRENCY = r"[$€£¥￥₽₹]|(?:eur|usd|cny|rmb|gbp|chf|jpy|hkd|twd|aud|cad|inr|rub|kr|us)(?![^\W\d_])"
_QUANTITY = re.compile(
    rf"\s*(?:{_CURRENCY})?\s*(?P<number>[-−+]?\d(?:[\d.,'’ ]*\d)?)\s*(?P<times>[万亿])?"
    rf"(?P<unit>[^\W\d_]{{0,12}}|%|％|‰|°\s*[CcFf]|{_CURRENCY})(?:/\w+)?\s*",
    re.IGNORECASE,
)
TIMES = {"": 1.0, "万": 1e4, "亿": 1e8}
"""What is written behind a number, and what it multiplies it by."""
_NOT_A_QUANTITY = re.compile(r"第\s*\d+\s*[条章节款项页号]")


def quantity(cell: str) -> float | None:
    """Return the number of a cell that holds one quantity, None for any other cell."""
    found = _QUANTITY.fullmatch(cell)
    if found is None:
        return None
    number = plain_number(found["number"])
    return None if number is None else number * TIMES[found["times"] or ""]


def quantities(text: str) -> Iterator[tuple[int, float]]:
    """Yield where each number of a sentence begins, and its value; numbers of clauses are none."""
    skipped = {place for one in _NOT_A_QUANTITY.finditer(text) for place in range(*one.span())}
    for found in _DIGITS.finditer(text):
        number = plain_number(found[0])
        if found.start() not in skipped and number is not None:
            yield found.start(), number * TIMES.get(text[found.end() : found.end() + 1], 1.0)


def plain_number(text: str) -> float | None:
    """Read digits with marks between thousands and before decimals, of either custom."""
    text = re.sub(r"[\s'’]", "", text).replace("−", "-")
    if "," in text and "." in text:
        last = max(text.rfind(","), text.rfind("."))
        text = re.sub(r"[.,]", "", text[:last]) + "." + text[last + 1 :]
    elif re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3}){2,}", text):
        text = text.replace(".", "")
    else:
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None
