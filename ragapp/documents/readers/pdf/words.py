"""A PDF page → its words with their places, all of them running from left to right.

Whichever way a page is turned, and whether Chinese is set in columns, the places are turned so that
``x`` runs along the lines and lines follow one another downwards.

PDFium hands over the text of a page at once, but places only letter by letter: they are asked for
the ends of words, which is all that lines and columns need, and for all letters where something is
odd about a word.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Any

SAME_PLACE = 0.16
"""Of the size: a word that stands so near to its like was printed twice, to look bold."""
TURNED = 0.6
"""Share of a page's letters that have to run another way for the page to be turned."""
WIDEST_LETTER = 1.6
"""Times the size, the mean of a word's letters; in a wider word there are gaps."""
INNER_GAP = 0.3
"""Times the size: a gap between two letters that parts words, though PDFium did not say so."""
_FIXED_PITCH = 1  # of the font's flags (PDF 32000-1, table 123)
_HYPHEN = "\x02"  # what PDFium makes of a hyphen at a line's end
_BETWEEN = " \t\r\n\u2002\u2003\u2009\u200a\u202f\u3000"
_WORDS = re.compile(f"[^{_BETWEEN}]+")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_DOUBLED = re.compile(r"(?:(.)\1)+|(?:(.)\2\2\2)+")


Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its box in points (``y`` upwards), its font's size; ``spaced``: a space before it.

    ``mapped``: its font says what its letters mean.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    spaced: bool
    monospaced: bool = False
    mapped: bool = True


class Turn(Enum):
    """Which way the lines of a page run."""

    ALONG = "along"
    DOWN = "down"
    UP = "up"

    def reach(self, box: Box) -> tuple[float, float]:
        """Return the bottom and the top of a page (left, bottom, right, top) once it is turned."""
        left, bottom, right, top = box
        if self is Turn.DOWN:
            return left, right
        return (-right, -left) if self is Turn.UP else (bottom, top)


def page_words(page: Any) -> tuple[list[Word], Turn]:  # noqa: ANN401 - pypdfium2 has no types
    """Return the words of a page of pypdfium2 in the order of its content, and its turn."""
    text_page = page.get_textpage()
    try:
        reader = _Reader(text_page.raw)
        words = _once([word for place in reader.places() for word in reader.words_at(*place)])
    finally:
        text_page.close()
    return turned(words)


def turned(words: list[Word]) -> tuple[list[Word], Turn]:
    """Return words as if their lines ran from left to right, and which way they run."""
    turn = _turn(words)
    return words if turn is Turn.ALONG else [_turned(word, turn) for word in words], turn


class _Reader:
    """Asks PDFium for text and boxes; remembers the font, which the next word mostly has, too."""

    def __init__(self, text_page: Any) -> None:  # noqa: ANN401
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._page = text_page
        self._box = pdfium.FS_RECTF()
        self._reference = ctypes.byref(self._box)
        self._height, self._size, self._monospaced = -1.0, 0.0, False

    def places(self) -> Iterator[tuple[str, int, bool]]:
        """Yield each word, the index of its first letter, and whether a space stands before it."""
        text = self._text()
        end = 0
        for matched in _WORDS.finditer(text):
            between = text[end : matched.start()]
            end = matched.end()
            yield matched[0], matched.start(), not between.strip(" \t\u3000") and bool(between)

    def _text(self) -> str:
        """Return the text, a character an index."""
        pdfium = self._pdfium
        count = pdfium.FPDFText_CountChars(self._page)
        if count <= 0:
            return ""
        buffer = (ctypes.c_ushort * (count + 1))()
        written = pdfium.FPDFText_GetText(self._page, 0, count, buffer)
        text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "surrogatepass")
        if len(text) == count and not re.search("[\ud800-\udfff\U00010000-\U0010ffff]", text):
            return text
        codes = (pdfium.FPDFText_GetUnicode(self._page, index) for index in range(count))
        return "".join(chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)

    def words_at(self, text: str, first: int, spaced: bool) -> list[Word]:
        """Return the word at an index, or several where gaps part it."""
        box = self._box_of(first)
        last = box if len(text) == 1 else self._box_of(first + len(text) - 1)
        if round(box[3] - box[1], 1) != self._height:
            self._look_at_font(first, box)
        size = max(self._size, 1.0)
        reach = max(abs(last[2] - box[0]), abs(last[3] - box[1]), abs(box[2] - last[0]))
        if len(text) > 1 and (reach > WIDEST_LETTER * size * len(text) or _DOUBLED.fullmatch(text)):
            return self._letter_by_letter(text, first, spaced)
        return [self._word(text, box, last, first, spaced)]

    def _letter_by_letter(self, text: str, first: int, spaced: bool) -> list[Word]:
        """Part a word at its gaps, and drop letters that are printed twice at one place."""
        boxes = [self._box_of(first + place) for place in range(len(text))]
        letters = [
            self._word(letter, box, box, first + place, spaced=False)
            for place, (letter, box) in enumerate(zip(text, boxes, strict=True))
        ]
        found: list[Word] = []
        for letter in _once(letters):
            gap = letter.left - found[-1].right if found else 0.0
            if found and -letter.size < gap < INNER_GAP * letter.size:
                found[-1] = _joined(found[-1], letter)
            else:
                found.append(letter)
        return [replace(found[0], spaced=spaced), *(replace(w, spaced=True) for w in found[1:])]

    def _word(self, text: str, box: Box, last: Box, first: int, spaced: bool) -> Word:
        left, bottom, right, top = box
        if last is not box:
            left, bottom = min(left, last[0]), min(bottom, last[1])
            right, top = max(right, last[2]), max(top, last[3])
        mapped = not self._pdfium.FPDFText_HasUnicodeMapError(self._page, first)
        text = text.replace(_HYPHEN, "-")
        if box[0] < last[0] and RIGHT_TO_LEFT.match(text):  # its letters come as they are seen
            text = text[::-1]
        return Word(text, left, bottom, right, top, self._size, spaced, self._monospaced, mapped)

    def _box_of(self, index: int) -> Box:
        self._pdfium.FPDFText_GetLooseCharBox(self._page, index, self._reference)
        box = self._box
        return box.left, box.bottom, box.right, box.top

    def _look_at_font(self, index: int, box: Box) -> None:
        pdfium = self._pdfium
        self._height = round(box[3] - box[1], 1)
        size = float(pdfium.FPDFText_GetFontSize(self._page, index))
        matrix = pdfium.FS_MATRIX()
        if pdfium.FPDFText_GetMatrix(self._page, index, ctypes.byref(matrix)):
            size *= math.hypot(matrix.c, matrix.d) or 1.0
        self._size = round(size, 1) or self._height
        flags = ctypes.c_int()
        pdfium.FPDFText_GetFontInfo(self._page, index, None, 0, ctypes.byref(flags))
        self._monospaced = bool(flags.value & _FIXED_PITCH)


def _joined(one: Word, other: Word) -> Word:
    return replace(
        one,
        text=one.text + other.text,
        left=min(one.left, other.left),
        bottom=min(one.bottom, other.bottom),
        right=max(one.right, other.right),
        top=max(one.top, other.top),
    )


def _once(words: Sequence[Word]) -> list[Word]:
    """Drop what is printed again at its own place: words made bold by printing them twice."""
    seen: dict[str, list[Word]] = {}
    kept: list[Word] = []
    for word in words:
        same = seen.setdefault(word.text, [])
        near = max(0.5, SAME_PLACE * word.size)
        if word.right > word.left and any(
            abs(word.left - one.left) <= near and abs(word.bottom - one.bottom) <= near
            for one in same[-40:]
        ):
            continue
        same.append(word)
        kept.append(word)
    return kept


def _turn(words: Sequence[Word]) -> Turn:
    """Find out which way most letters follow one another."""
    ways: Counter[Turn] = Counter()
    last: Word | None = None
    for word in words:
        wide, high = word.right - word.left, word.top - word.bottom
        if len(word.text) > 1:
            upright = high > 1.6 * max(wide, word.size)
            ways[Turn.DOWN if upright else Turn.ALONG] += len(word.text)
        elif last is not None and len(last.text) == 1 and abs(last.left - word.left) < 1.0:
            ways[Turn.DOWN] += last.bottom - word.bottom > 0
        last = word
    if ways[Turn.DOWN] < max(4, TURNED * ways.total()):
        return Turn.ALONG
    return Turn.UP if _climbs(words) else Turn.DOWN


def _climbs(words: Sequence[Word]) -> bool:
    """Say whether upright lines run from the bottom to the top."""
    up = down = 0
    for last, word in pairwise(words):
        if abs(last.left - word.left) < 0.5 * word.size:
            up += word.bottom > last.bottom
            down += word.bottom < last.bottom
    return up > down


def _turned(word: Word, turn: Turn) -> Word:
    if turn is Turn.DOWN:
        return replace(word, left=-word.top, right=-word.bottom, bottom=word.left, top=word.right)
    return replace(word, left=word.bottom, right=word.top, bottom=-word.right, top=-word.left)
