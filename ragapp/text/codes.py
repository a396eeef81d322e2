"""Codes, numbers and dates in a text: what has to be found exactly, however it is written.

``SB-2023-0171`` and ``SB20230171`` are one, ``14.1.2`` and ``1.41.2`` are two; ``C``, ``C++`` and
``C#`` are three; ``8 March 2026``, ``2026-03-08`` and ``2026年3月8日`` are one day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MAYBE = re.compile(r"\d|\+\+|#|\.net")
_CODE = re.compile(r"(?<![a-z0-9])[a-z0-9]+(?:[-‐‑–_./][a-z0-9]+)+(?![a-z0-9])")
_JOINS = re.compile(r"[-‐‑–_/]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_LANGUAGE = re.compile(r"(?<![a-z0-9])(?:[a-z]\+\+|[a-z]#|\.net)(?![a-z0-9+#])")

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")  # fmt: skip
_MONTH_NUMBERS = {
    **{name: number for number, name in enumerate(_MONTHS, 1)},
    **{name[:3]: number for number, name in enumerate(_MONTHS, 1)},
    "sept": 9,
}
_MONTH = rf"(?P<name>{'|'.join(sorted(_MONTH_NUMBERS, key=len, reverse=True))})\.?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NUMBER = r"(?P<month>1[0-2]|0?[1-9])"
_DAY = r"(?P<day>3[01]|[12]\d|0?[1-9])"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\d){_YEAR}(?P<sep>[-‐‑–_./]){_NUMBER}(?:(?P=sep){_DAY})?(?!\d)",
        rf"(?<!\d){_YEAR} ?年 ?{_NUMBER} ?月(?: ?{_DAY} ?[日号])?",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}(?!\d)",
        rf"(?<![a-z]){_MONTH}(?: {_DAY}(?:st|nd|rd|th)?,?)? {_YEAR}(?!\d)",
        rf"(?<!\d){_DAY}\. ?{_NUMBER}\. ?{_YEAR}(?!\d)",
        r"(?<!\d)(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
    )
)


def codes(folded: str) -> Iterator[str]:
    """Yield the codes of a folded text (``terms.fold``) as terms; none of them is also a word."""
    if not _MAYBE.search(folded):
        return
    for found in _CODE.finditer(folded):
        if any(letter.isdecimal() for letter in found[0]):
            yield _JOINS.sub("", found[0])
    for found in _GROUPED.finditer(folded):
        yield found[0].replace(",", "")
    for found in _LANGUAGE.finditer(folded):
        yield found[0]
    yield from dict.fromkeys(dates(folded))


def dates(folded: str) -> Iterator[str]:
    """Yield each date as "@2026-03-08", and its month as "@2026-03"."""
    for pattern in _DATES:
        for found in pattern.finditer(folded):
            parts = found.groupdict()
            month = int(parts.get("month") or 0) or _MONTH_NUMBERS[parts["name"]]
            whole = f"@{parts['year']}-{month:02d}"
            yield whole
            if parts.get("day"):
                yield f"{whole}-{int(parts['day']):02d}"
