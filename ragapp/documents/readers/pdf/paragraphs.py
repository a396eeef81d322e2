"""Lines of PDF pages → running text: wrapped lines joined, paragraphs told apart, pages kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ragapp.documents.readers.compose import (
    LINE_BREAK,
    PARAGRAPH_BREAK,
    collapse_space,
    seam,
)
from ragapp.documents.readers.pdf.headings import HeadingLines, Place
from ragapp.documents.readers.pdf.lines import Line
from ragapp.types import Heading, Page

SAME_SIZE = 1.08  # ratio of font sizes that still belong to one paragraph
WIDE_GAP = 1.3  # times the usual distance of lines begins a paragraph
INDENT = 1.2  # times the font size; a first line is set in by one letter's width or two
SHORT_LINE = 0.82  # of the text's width; a shorter line with a full stop ends its paragraph
VERY_SHORT_LINE = 0.6  # a shorter line was not wrapped: a row, an entry, a line of code

WRAP = ""  # joined as ``seam`` says

_SENTENCE_END = re.compile(r"[.。！？!?:：;；…．][”’」』\"'）)】\]]*$")
_LIST_MARK = re.compile(
    r"(?:[-*•·●○■□◆‣▪–|][ \t]|[•●■◆▪①-⑳]|\d{1,2}\.\s|第[0-9一二三四五六七八九十百零〇]+[章节節条條]"
    r"|[(（]?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4}|[一二三四五六七八九十]{1,3})[)）、])"
)
_CONTENTS_ENTRY = re.compile(r" \.\.\. ?[\divxlc]+$")
_BROKEN_WORD = re.compile(r"[a-z]{2,}-$")


def compose_pages(
    pages: Sequence[Sequence[Line]], headings: Mapping[Place, HeadingLines]
) -> tuple[str, tuple[Heading, ...], tuple[Page, ...]]:
    """Return the text, and where in it the headings and the pages are."""
    distances = _usual_distances(pages)
    composer = _PageComposer(headings, distances)
    for lines in pages:
        composer.add_page(lines)
    return composer.finish()


def _usual_distances(pages: Sequence[Sequence[Line]]) -> dict[float, float]:
    """Return for every font size the most frequent distance between two lines, in points."""
    seen: defaultdict[float, Counter[float]] = defaultdict(Counter)
    for page in pages:
        for above, below in pairwise(page):
            distance = round(above.y - below.y, 1)
            if above.size == below.size and 0.8 * above.size < distance < 2.6 * above.size:
                seen[above.size][distance] += 1
    return {size: counts.most_common(1)[0][0] for size, counts in seen.items()}


class _PageComposer:
    """Builds the text line by line; ``_parts`` are lines and what stands between them."""

    def __init__(
        self, headings: Mapping[Place, HeadingLines], distances: Mapping[float, float]
    ) -> None:
        self._marked = headings
        self._distances = distances
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[Page] = []
        self._previous: Line | None = None
        self._in_heading = 0  # lines of the current heading still to come
        self._after_heading = False
        self._in_list = False

    def add_page(self, lines: Sequence[Line]) -> None:
        index = len(self._pages)
        page_start: int | None = None
        right = _right_margin(lines)
        for position, line in enumerate(lines):
            separator = self._separator(line, right, first=position == 0)
            marked = self._marked.get((index, position))
            if marked and self._previous:
                separator = PARAGRAPH_BREAK
            start = self._append(line.text, separator)
            page_start = start if page_start is None else page_start
            self._note_heading(marked, start)
            self._in_list = bool(_LIST_MARK.match(line.text)) or (
                self._in_list and separator == WRAP
            )
            self._previous = line
        end = self._length
        self._pages.append(Page(index + 1, end if page_start is None else page_start, end))

    def finish(self) -> tuple[str, tuple[Heading, ...], tuple[Page, ...]]:
        return "".join(self._parts), tuple(self._headings), tuple(self._pages)

    def _note_heading(self, marked: HeadingLines | None, start: int) -> None:
        if marked:
            title = collapse_space(marked.title)
            self._headings.append(Heading(marked.level, title, start))
            self._in_heading = marked.lines
        self._after_heading = self._in_heading == 1
        self._in_heading = max(0, self._in_heading - 1)

    def _append(self, text: str, separator: str) -> int:
        """Add a line; return where it starts."""
        if self._parts:
            if separator == WRAP:
                whole = self._parts[-1]
                self._parts[-1], separator = seam(whole, text)
                self._length -= len(whole) - len(self._parts[-1])
            self._parts.append(separator)
            self._length += len(separator)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        return start

    def _separator(self, line: Line, right: float, *, first: bool) -> str:
        previous = self._previous
        if previous is None:
            return PARAGRAPH_BREAK
        if self._in_heading:
            return WRAP
        if self._after_heading or not _same_size(previous, line):
            return PARAGRAPH_BREAK
        distance = previous.y - line.y
        usual = self._distances.get(line.size, 1.2 * line.size)
        jumped = first or distance < -0.5 * line.size or distance > 4 * usual
        if jumped:  # to the next page or column
            return WRAP if self._runs_on(previous, line, right) else PARAGRAPH_BREAK
        if distance > WIDE_GAP * usual:
            return PARAGRAPH_BREAK
        if _BROKEN_WORD.search(previous.text) and line.text[0].islower():
            return WRAP
        if _CONTENTS_ENTRY.search(previous.text):
            return LINE_BREAK
        if previous.monospaced or line.monospaced or _LIST_MARK.match(line.text):
            return LINE_BREAK
        indented = line.x > previous.x + INDENT * line.size and not self._in_list
        fullness = (previous.right - previous.x) / max(1.0, right - previous.x)
        ended = bool(_SENTENCE_END.search(previous.text))
        if indented or (ended and fullness < SHORT_LINE):
            return PARAGRAPH_BREAK
        return LINE_BREAK if fullness < VERY_SHORT_LINE else WRAP

    def _runs_on(self, previous: Line, line: Line, right: float) -> bool:
        """Say whether a sentence goes on at the top of the next page or column."""
        if (
            previous.monospaced
            or _SENTENCE_END.search(previous.text)
            or _LIST_MARK.match(line.text)
        ):
            return False
        if line.text[0].islower() or previous.text[-1] in "，、,-":
            return True
        return (previous.right - previous.x) / max(1.0, right - previous.x) > SHORT_LINE


def _same_size(one: Line, other: Line) -> bool:
    small, large = sorted((one.size, other.size))
    return large <= SAME_SIZE * small


def _right_margin(lines: Sequence[Line]) -> float:
    """Return where full lines end on a page; the longest of all may stick out."""
    rights = sorted(line.right for line in lines)
    return rights[int(0.9 * (len(rights) - 1))] if rights else 0.0
