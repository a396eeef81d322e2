"""A PDF page → its lines with their place on the page; running headers and footers dropped."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ragapp.documents.readers.compose import clean
from ragapp.text.chinese import UNSPACED
from ragapp.untyped import PdfValue

if TYPE_CHECKING:
    from pypdf import PageObject

MOST_PAGES = 0.4  # a header on the left or the right pages only stands on just under half of them
FEWEST_PAGES = 4  # with fewer pages, repetition proves nothing
EDGE_LINES = 3  # lines from the top or bottom of a page among which headers are sought
LONGEST_PAGE_NUMBER = 40  # characters of "- Page 12 of 345 -" and its like
SAME_PLACE = 4.0  # points

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|p\.|第)?\s*(\d{1,4})\s*(?:(?:of|/|页|頁|，|共|\s)*\d*\s*[页頁]?)\W*", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+|(?<!\S)[ivxlc]+(?!\S)")  # with the Roman ones of a preface
_MONOSPACED = re.compile(r"mono|courier|consol|typewriter|cmtt|menlo|code", re.IGNORECASE)
_FULL_WIDTH_MARKS = "，。、；：？！（）《》「」『』【】〈〉"
# pypdf writes a space wherever letters stand apart, also where a full-width mark brings the gap.
_SPACE_AT_MARK = re.compile(rf" +(?=[{_FULL_WIDTH_MARKS}])|(?<=[{_FULL_WIDTH_MARKS}]) +")
_WIDE = re.compile(f"[{UNSPACED}]")
_LEADER = re.compile(r"(?: ?[.·․…]){5,} ?")
_SPACE_IN_CJK = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_CJK_PAIR = re.compile(rf"(?<=[{UNSPACED}])(?=[{UNSPACED}])")


@dataclass(frozen=True, slots=True)
class Line:
    """One line as printed: left end ``x``, baseline ``y`` (upwards), font ``size``, in points."""

    text: str
    x: float
    y: float
    size: float
    monospaced: bool = False

    @property
    def right(self) -> float:
        """Where the line ends, estimated: letters are half as wide as high, ideographs as wide."""
        wide = len(_WIDE.findall(self.text))
        narrow = 0.6 if self.monospaced else 0.47  # of the size: mean of text in Times and Arial
        return self.x + self.size * (wide + narrow * (len(self.text) - wide))


def page_lines(page: PageObject) -> list[Line]:
    """Return the lines of a page in reading order."""
    builder = _LineBuilder()
    page.extract_text(visitor_text=builder.visit)
    return builder.finish()


class _LineBuilder:
    """Receives pieces of text with their transformation matrices and joins them into lines."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._text: list[str] = []
        self._place = (0.0, 0.0)
        self._sizes: Counter[float] = Counter()
        self._monospaced = 0

    def visit(self, text: str, cm: PdfValue, tm: PdfValue, font: PdfValue, size: float) -> None:
        letters = len(text.strip())
        if letters:
            place = (
                tm[4] * cm[0] + tm[5] * cm[2] + cm[4],
                tm[4] * cm[1] + tm[5] * cm[3] + cm[5],
            )
            scale = abs(tm[3] * cm[3] + tm[2] * cm[1]) or abs(tm[1] * cm[2] + tm[0] * cm[0]) or 1.0
            height = round(size * scale, 1)
            # pypdf keeps a page number and the title below it on one line
            if self._sizes and abs(place[1] - self._place[1]) > max(height, *self._sizes):
                self._end_line()
            if not self._sizes:
                self._place = place
            self._sizes[height] += letters
            base_font = str(font.get("/BaseFont", "")) if font else ""
            self._monospaced += letters if _MONOSPACED.search(base_font) else 0
        first, *rest = text.split("\n")
        self._text.append(first)
        for piece in rest:
            self._end_line()
            self._text.append(piece)

    def finish(self) -> list[Line]:
        self._end_line()
        return self._lines

    def _end_line(self) -> None:
        text = _tidy(clean("".join(self._text)))
        if text:
            size = self._sizes.most_common(1)[0][0] if self._sizes else 0.0
            monospaced = self._monospaced * 2 > self._sizes.total()
            self._lines.append(Line(text, *self._place, size, monospaced))
        self._text = []
        self._sizes = Counter()
        self._monospaced = 0


def _tidy(text: str) -> str:
    """Take out the spaces that are only gaps, and shorten the dots of a table of contents."""
    text = _SPACE_AT_MARK.sub("", " ".join(text.split()))
    text = _LEADER.sub(" ... ", text).strip()
    pairs = len(_CJK_PAIR.findall(text))
    gaps = len(_SPACE_IN_CJK.findall(text))
    # one space, as in 第一章 引言, was meant; one between every two characters was not
    return _SPACE_IN_CJK.sub("", text) if gaps >= 3 and gaps > pairs else text


def drop_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Return the pages without headers, footers and page numbers.

    A page that is nothing but lines that repeat keeps them: tickets, forms, stamped scans.
    """
    places: defaultdict[str, list[float]] = defaultdict(list)
    for page in pages:
        for key, y in {_pattern(line): line.y for line in _edge_lines(page)}.items():
            places[key].append(y)
    with_text = sum(1 for page in pages if page)
    running = {
        key: median(ys)
        for key, ys in places.items()
        if with_text >= FEWEST_PAGES and len(ys) >= max(3, MOST_PAGES * with_text)
    }
    kept = []
    for number, page in enumerate(pages, 1):
        edges = _edge_lines(page)
        dropped = {
            id(line)
            for line in edges
            if (_pattern(line) in running and abs(line.y - running[_pattern(line)]) < SAME_PLACE)
            or _is_page_number(line, number, page)
        }
        kept.append([line for line in page if id(line) not in dropped])
    without_titles = _drop_chapter_lines(kept)
    return [left or list(page) for left, page in zip(without_titles, pages, strict=True)]


def _drop_chapter_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """Drop topmost lines that stand at the same place on neighbouring pages: chapter titles."""
    if len(pages) < FEWEST_PAGES:
        return pages
    tops = [max(page, key=lambda line: line.y) if page else None for page in pages]
    kept = []
    for index, page in enumerate(pages):
        top = tops[index]
        neighbours = [*tops[max(0, index - 2) : index], *tops[index + 1 : index + 3]]
        repeats = top is not None and any(
            other is not None
            and _pattern(other) == _pattern(top)
            and abs(other.y - top.y) < SAME_PLACE
            for other in neighbours
        )
        kept.append([line for line in page if not (repeats and line is top)])
    return kept


def _edge_lines(page: Sequence[Line]) -> list[Line]:
    by_height = sorted(page, key=lambda line: line.y)
    return (
        by_height
        if len(page) <= 2 * EDGE_LINES
        else by_height[:EDGE_LINES] + by_height[-EDGE_LINES:]
    )


def _pattern(line: Line) -> str:
    return "".join(_DIGITS.sub("#", line.text.lower()).split())


def _is_page_number(line: Line, number: int, page: Sequence[Line]) -> bool:
    """Say whether the lowest or highest line is nothing but the number of its page."""
    # the pattern is quadratic in punctuation
    matched = _PAGE_NUMBER.fullmatch(line.text) if len(line.text) <= LONGEST_PAGE_NUMBER else None
    if not matched or int(matched[1]) != number or len(page) < 2:
        return False
    heights = [other.y for other in page]
    return line.y in (min(heights), max(heights))
