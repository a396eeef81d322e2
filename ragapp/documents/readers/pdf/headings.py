"""Which lines of a PDF are headings: by its bookmarks, else by the size of their letters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ragapp.documents.readers.pdf.lines import Line

LARGER = 1.15  # times the size of the running text makes a heading
LONGEST_HEADING = 100  # characters
DEEPEST_LEVEL = 4
MOST_HEADINGS = 0.25  # share of lines; above, large letters mean something else
LONGEST_NUMBER = 10  # letters and digits of "Appendix A" or "第一百二十章"

# What remains of "Chapter 3.", "2.1", "第三章" when only letters and digits are looked at.
_NUMBER_PATTERN = (
    r"(?:(?:chapter|section|appendix|part|table)?(?:\d{1,8}|[ivxlc]{1,6}|[a-z])?\d{0,6}"
    r"|(?:第|附录|附錄)[\da-z零一二三四五六七八九十百]{0,5}[章节節部篇条條]?)"
)
_NUMBER = re.compile(_NUMBER_PATTERN)
_NUMBER_BEFORE = re.compile(rf"^{_NUMBER_PATTERN}")

Place = tuple[int, int]  # index of the page, index of the line on it


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark: ``page`` counts from 0, ``top`` is its height on the page in points."""

    level: int
    title: str
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class HeadingLines:
    """A heading printed on ``lines`` lines from a place on."""

    level: int
    title: str
    lines: int = 1


def find_headings(
    pages: Sequence[Sequence[Line]], outline: Sequence[OutlineEntry]
) -> dict[Place, HeadingLines]:
    """Return the headings by the place where they begin."""
    return _from_outline(pages, outline) if outline else _from_sizes(pages)


def _from_outline(
    pages: Sequence[Sequence[Line]], outline: Sequence[OutlineEntry]
) -> dict[Place, HeadingLines]:
    found: dict[Place, HeadingLines] = {}
    after: Place = (0, -1)  # bookmarks come in reading order
    for entry in outline:
        if not 0 <= entry.page < len(pages) or not pages[entry.page]:
            continue
        lines = pages[entry.page]
        first = after[1] + 1 if after[0] == entry.page else 0
        place = _printed_at(lines, entry.title, first)
        if place is None:
            # The title is not printed on its page; its section begins at the bookmark's height.
            index = _line_below(lines, entry.top, first)
            if (entry.page, index) not in found:
                found[entry.page, index] = HeadingLines(entry.level, entry.title, 0)
            continue
        index, count = place
        after = (entry.page, index)
        printed = " ".join(line.text for line in lines[index : index + count])
        found[after] = HeadingLines(entry.level, printed, count)  # with its number
    return found


def _printed_at(lines: Sequence[Line], title: str, first: int) -> tuple[int, int] | None:
    """Return (index, number of lines) of the printed title, which may have a number before it."""
    wanted = _letters(title)
    for index in range(first, len(lines)):
        printed = ""
        for count in (1, 2, 3):
            printed += _letters(lines[index + count - 1].text)
            number = printed.removesuffix(wanted)
            if wanted and printed.endswith(wanted) and _NUMBER.fullmatch(number):
                return index, count
            too_long = len(printed) > len(wanted) + LONGEST_NUMBER
            if too_long or index + count >= len(lines) or not _begins(printed, wanted):
                break
    return None


def _begins(printed: str, wanted: str) -> bool:
    """Say whether a line holds the beginning of a title that goes on in the next."""
    return wanted.startswith(_NUMBER_BEFORE.sub("", printed)) or wanted.startswith(printed)


def _line_below(lines: Sequence[Line], top: float | None, first: int) -> int:
    if top is not None:
        for index in range(first, len(lines)):
            if lines[index].y <= top:
                return index
    return min(first, len(lines) - 1)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _from_sizes(pages: Sequence[Sequence[Line]]) -> dict[Place, HeadingLines]:
    letters: Counter[float] = Counter()
    for page in pages:
        for line in page:
            letters[line.size] += len(line.text)
    if not letters:
        return {}
    body = letters.most_common(1)[0][0]
    found: dict[Place, HeadingLines] = {}
    sizes: dict[Place, float] = {}
    for page_index, page in enumerate(pages):
        index = 0
        while index < len(page):
            count = _large_lines(page, index, body)
            title = " ".join(line.text for line in page[index : index + count])
            if count and len(title) <= LONGEST_HEADING and re.search(r"[^\W\d_]", title):
                sizes[page_index, index] = page[index].size
                found[page_index, index] = HeadingLines(1, title, count)
            index += max(1, count)
    if len(found) > MOST_HEADINGS * sum(map(len, pages)) and len(found) > 3:
        return {}
    ranked = {size: rank for rank, size in enumerate(sorted(set(sizes.values()), reverse=True), 1)}
    return {
        place: HeadingLines(min(DEEPEST_LEVEL, ranked[sizes[place]]), one.title, one.lines)
        for place, one in found.items()
    }


def _large_lines(page: Sequence[Line], index: int, body: float) -> int:
    """Return how many lines from ``index`` on make up one heading, 0 when it is none."""
    size = page[index].size
    if size < LARGER * body or page[index].cells or page[index].text[-1] in "。，；,;":
        return 0
    count = 1
    while (
        index + count < len(page)
        and count < 3
        and page[index + count].size == size
        and 0 < page[index + count - 1].y - page[index + count].y < 1.8 * size
    ):
        count += 1
    return count
