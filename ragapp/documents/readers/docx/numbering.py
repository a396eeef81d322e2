"""The numbers Word shows before paragraphs but does not store in them: 第三条, 2.1, (a)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VALUE = _WORD + "val"
_CHINESE = ("chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting")
_DIGITS = "零一二三四五六七八九"
DEEPEST_LEVEL = 8  # of Word's nine, counted from 0
LONGEST_COUNT = 9  # digits; more is not counting
_ROMAN = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


class Numbering:
    """Counts the numbered paragraphs of one document in order."""

    def __init__(self, document: DocxDocument) -> None:
        self._levels: dict[tuple[str, int], Element] = {}  # by (abstract list, level)
        self._abstract: dict[str, str] = {}  # by the list's id
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError):  # python-docx, when there are no lists
            return
        for abstract in root.iter(_WORD + "abstractNum"):
            key = abstract.get(_WORD + "abstractNumId")
            for level in abstract.iter(_WORD + "lvl"):
                self._levels[key, _count(level.get(_WORD + "ilvl"), 0)] = level
        for number in root.iterchildren(_WORD + "num"):
            reference = number.find(_WORD + "abstractNumId")
            if reference is not None:
                self._abstract[number.get(_WORD + "numId")] = reference.get(_VALUE)

    def next(self, paragraph: Element, styles: Iterable[Any]) -> str | None:
        """Return the number or bullet of the next paragraph, None when it has none."""
        found = _reference(paragraph) or next(
            filter(None, (_reference(s.element) for s in styles)), None
        )
        if found is None:
            return None
        list_id, depth = found
        abstract = self._abstract.get(list_id)
        level = self._levels.get((abstract, depth)) if abstract is not None else None
        if abstract is None or level is None:
            return None
        if _value(level, "numFmt") == "bullet":
            return "  " * depth + "-"
        counts = self._counts[abstract]
        counts[depth] = counts.get(depth, self._first(abstract, depth) - 1) + 1
        for deeper in [key for key in counts if key > depth]:
            del counts[deeper]
        template = _value(level, "lvlText") or ""
        return (
            re.sub(r"%(\d)", lambda m: self._shown(abstract, int(m[1]) - 1), template).strip()
            or None
        )

    def _first(self, abstract: str, depth: int) -> int:
        level = self._levels.get((abstract, depth))
        return _count(_value(level, "start"), 1) if level is not None else 1

    def _shown(self, abstract: str, depth: int) -> str:
        count = self._counts[abstract].get(depth, self._first(abstract, depth))
        level = self._levels.get((abstract, depth))
        return format_count(
            count, _value(level, "numFmt") or "decimal" if level is not None else "decimal"
        )


def format_count(count: int, style: str) -> str:
    """Write ``count`` (from 1) in one of Word's number formats; decimal for those not known."""
    if style in _CHINESE and 0 < count < 100:
        tens, ones = divmod(count, 10)
        leading = ("" if tens == 1 else _DIGITS[tens]) + "十" if tens else ""
        return leading + (_DIGITS[ones] if ones else "")
    if style in ("lowerLetter", "upperLetter") and 0 < count <= 26:
        letter = chr(ord("a") + count - 1)
        return letter.upper() if style == "upperLetter" else letter
    if style in ("lowerRoman", "upperRoman") and 0 < count < 40:
        roman = ""
        for value, sign in _ROMAN:
            times, count = divmod(count, value)
            roman += sign * times
        return roman.upper() if style == "upperRoman" else roman
    return str(count)


def _reference(element: Element) -> tuple[str, int] | None:
    """Return (list, level) when a paragraph or a style takes part in a list."""
    properties = element.find(f"{_WORD}pPr/{_WORD}numPr")
    list_id = _value(properties, "numId") if properties is not None else None
    if properties is None or not list_id or list_id == "0":
        return None
    return list_id, min(_count(_value(properties, "ilvl"), 0), DEEPEST_LEVEL)


def _value(element: Element, tag: str) -> str | None:
    child = element.find(_WORD + tag)
    return None if child is None else child.get(_VALUE)


def _count(text: str | None, otherwise: int) -> int:
    """Read a whole number from 0, taking ``otherwise`` for what is none."""
    return int(text) if text and text.isdecimal() and len(text) <= LONGEST_COUNT else otherwise
