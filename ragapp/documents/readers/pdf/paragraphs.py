"""Lines of PDF pages → text: wrapped lines joined, paragraphs told apart, pages and tables kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ragapp.documents.readers import Extract
from ragapp.documents.readers.compose import (
    LINE_BREAK,
    PARAGRAPH_BREAK,
    collapse_space,
    seam,
)
from ragapp.documents.readers.pdf.headings import HeadingLines, Place
from ragapp.documents.readers.pdf.lines import Line
from ragapp.documents.readers.table import find_header, row_lines
from ragapp.text.chinese import UNSPACED
from ragapp.types import Block, BlockKind, Heading, Page

SAME_SIZE = 1.08  # ratio of font sizes that still belong to one paragraph
WIDE_GAP = 1.3  # times the usual distance of lines begins a paragraph
INDENT = 1.2  # times the font size; a first line is set in by one letter's width or two
SHORT_LINE = 0.82  # of the text's width; a shorter line with a full stop ends its paragraph
VERY_SHORT_LINE = 0.6  # a shorter line was not wrapped: a row, an entry, a line of code

ENDS_ALIKE = 0.12  # of the text's width; lines that were wrapped end as near to one another
FEWEST_FULL = 0.25  # share of lines; below, they are entries of a form, a ticket, a title page
FEWEST_LETTERS = 28  # on a line of text that was wrapped; an ideograph counts as two
SAME_COLUMN = 1.0  # times the font size; a table goes on where its columns stand on the next page

WRAP = ""  # joined as ``seam`` says

_SENTENCE_END = re.compile(r"[.。！？!?:：;；…．][”’」』\"'）)】\]]*$")
_LIST_MARK = re.compile(
    r"(?:[-*•·●○■□◆‣▪–|][ \t]|[•●■◆▪①-⑳]|\d{1,2}\.\s|第[0-9一二三四五六七八九十百零〇]+[章节節条條]"
    r"|[(（]?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4}|[一二三四五六七八九十]{1,3})[)）、])"
)
_WIDE = re.compile(f"[{UNSPACED}]")
_LABEL = re.compile(r"(?:[^\s:：]{1,20} ?){1,4}[:：] ?\S")  # "Net pay: 3,412.75"
_CONTENTS_ENTRY = re.compile(r" \.\.\. ?[\divxlc]+$")
_BROKEN_WORD = re.compile(r"[a-z]{2,}-$")


def compose_pages(
    pages: Sequence[Sequence[Line]],
    headings: Mapping[Place, HeadingLines],
    remarks: Mapping[int, Sequence[str]],
) -> Extract:
    """Return the text with its headings, pages and tables.

    remarks: by page, counted from 0, what was noted on it; they come at its end.
    """
    composer = _PageComposer(headings, _usual_distances(pages))
    for number, lines in enumerate(pages):
        composer.add_page(lines, remarks.get(number, ()))
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
        self._blocks: list[Block] = []
        self._table: Sequence[Line] = ()
        self._names: tuple[str, ...] = ()

    def add_page(self, lines: Sequence[Line], remarks: Sequence[str]) -> None:
        index = len(self._pages)
        page_start: int | None = None
        right = _right_margin(lines)
        position = 0
        while position < len(lines):
            line = lines[position]
            rows = _table_at(lines, position)
            if rows:
                start = self._add_table(rows)
                position += len(rows)
            else:
                start = self._add_line(line, index, position, right)
                position += 1
            page_start = start if page_start is None else page_start
        for remark in remarks:
            start = self._append(remark, PARAGRAPH_BREAK)
            page_start = start if page_start is None else page_start
            self._previous = None
        end = self._length
        self._pages.append(Page(index + 1, end if page_start is None else page_start, end))

    def finish(self) -> Extract:
        return Extract(
            "".join(self._parts), tuple(self._headings), tuple(self._pages),
            blocks=tuple(self._blocks),
        )  # fmt: skip

    def _add_line(self, line: Line, page: int, position: int, right: float) -> int:
        separator = self._separator(line, right, first=position == 0)
        marked = self._marked.get((page, position))
        if marked and self._previous:
            separator = PARAGRAPH_BREAK
        start = self._append(line.text, separator)
        self._note_heading(marked, start)
        goes_on = self._in_list and separator == WRAP
        self._in_list = bool(_LIST_MARK.match(line.text)) or goes_on
        self._previous = line
        return start

    def _add_table(self, rows: Sequence[Line]) -> int:
        """Add the rows of a table, or those that go on with the one before, under its names."""
        cells = [row.cells for row in rows]
        same = self._names and _same_columns(self._table, rows)
        names = self._names if same else cells[0] if find_header(cells) else ()
        body = cells[1:] if names and cells[0] == names else cells
        text = "\n".join(line for row in body for line in row_lines(names, row))
        start = self._append(text, PARAGRAPH_BREAK)
        self._blocks.append(Block(BlockKind.TABLE, start, self._length))
        self._names, self._table = names, rows
        self._previous, self._in_list, self._after_heading = None, False, False
        return start

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
        if first or distance < -0.5 * line.size:  # on the next page, or in the next column
            return WRAP if self._runs_on(previous, line, right) else PARAGRAPH_BREAK
        if distance > WIDE_GAP * usual:
            return PARAGRAPH_BREAK
        return self._within_block(previous, line, right)

    def _within_block(self, previous: Line, line: Line, right: float) -> str:
        """Tell lines that were wrapped from paragraphs and entries that follow closely."""
        if _BROKEN_WORD.search(previous.text) and line.text[0].islower():
            return WRAP
        if _CONTENTS_ENTRY.search(previous.text) or _are_entries(previous, line):
            return LINE_BREAK
        indented = line.x > previous.x + INDENT * line.size and not self._in_list
        fullness = (previous.right - previous.x) / max(1.0, right - previous.x)
        ended = bool(_SENTENCE_END.search(previous.text))
        if indented or (ended and fullness < SHORT_LINE):
            return PARAGRAPH_BREAK
        short = fullness < VERY_SHORT_LINE or _is_short(previous)
        return LINE_BREAK if short and not line.text[0].islower() else WRAP

    def _runs_on(self, previous: Line, line: Line, right: float) -> bool:
        """Say whether a sentence goes on at the top of the next page or column."""
        if (
            previous.monospaced
            or _is_short(previous)
            or _SENTENCE_END.search(previous.text)
            or _LIST_MARK.match(line.text)
        ):
            return False
        if line.text[0].islower() or previous.text[-1] in "，、,-":
            return True
        return (previous.right - previous.x) / max(1.0, right - previous.x) > SHORT_LINE


def _are_entries(previous: Line, line: Line) -> bool:
    """Say whether a line is one of code, of a list, or one with a label under another."""
    if previous.monospaced or line.monospaced or _LIST_MARK.match(line.text):
        return True
    return bool(_LABEL.match(line.text) and _LABEL.match(previous.text))


def _is_short(line: Line) -> bool:
    """Say whether so few letters stand on a line that no text is set so narrow."""
    return len(line.text) + len(_WIDE.findall(line.text)) < FEWEST_LETTERS


def _table_at(lines: Sequence[Line], position: int) -> Sequence[Line]:
    """Return the rows of the table that begins at a line, none where it is no row."""
    end = position
    while end < len(lines) and lines[end].cells and lines[end].columns == lines[position].columns:
        end += 1
    return lines[position:end]


def _same_columns(one: Sequence[Line], other: Sequence[Line]) -> bool:
    """Say whether rows stand in the columns of a table on the page before."""
    lefts, others = one[0].columns, other[0].columns
    near = SAME_COLUMN * other[0].size
    return len(lefts) == len(others) and all(
        abs(left - right) < near for left, right in zip(lefts, others, strict=True)
    )


def _same_size(one: Line, other: Line) -> bool:
    small, large = sorted((one.size, other.size))
    return large <= SAME_SIZE * small


def _right_margin(lines: Sequence[Line]) -> float:
    """Return where full lines end on a page; the longest of all may stick out.

    Where hardly two lines end alike, none was wrapped: then it lies further off than all of them.
    """
    wrapped = [line for line in lines if not line.cells]
    rights = sorted(line.right for line in wrapped)
    if not rights:
        return 0.0
    margin = rights[int(0.9 * (len(rights) - 1))]
    left = min(line.x for line in wrapped)
    full = sum(1 for right in rights if right >= margin - ENDS_ALIKE * (margin - left))
    few = len(rights) > 3 and full < max(2, FEWEST_FULL * len(rights))
    return left + 2 * (margin - left) if few else margin
