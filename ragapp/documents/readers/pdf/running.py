"""Running headers and footers: said once, and page numbers not at all.

Only what stands at the same place, in the same words, at the edge of many pages is one. Numbers
are not equal to one another unless they count the pages: tickets, payslips and slides keep theirs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragapp.documents.readers.pdf.lines import Line

MOST_PAGES = 0.4
"""Share of the pages; a header of the left or the right ones stands on just under half of them."""
FEWEST_PAGES = 4
"""With fewer pages, repetition proves nothing."""
EDGE = 0.125
"""Of the height of the page: headers stand no further from its top or its bottom."""
MARGIN_GAP = 1.3
"""Times the size: a header stands apart from what follows, by more than a line does."""
SAME_PLACE = 4.0
"""Points."""
LONGEST = 120
"""Characters of a header; longer ones are text."""
LONGEST_PAGE_NUMBER = 40  # characters of "- Page 12 of 345 -" and its like

_DIGITS = r"(\d{1,5}|[ivxlc]{1,8})"
# A number that its place or its words make the page's: "Report | 12", "12 · Report", "page 12".
_OF_PAGE = re.compile(
    rf"(?:page|seite|p\.)\s*{_DIGITS}(?!\w)|第\s*{_DIGITS}\s*[页頁]"
    rf"|[|·•–—]\s*{_DIGITS}\s*$|^\s*{_DIGITS}\s*[|·•–—]|^\W*{_DIGITS}\W*$",
    re.IGNORECASE,
)
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|p\.|第)?\s*(\d{1,5}|[ivxlc]+)\s*(?:(?:of|/|页|頁|，|共|\s)*\d*\s*[页頁]?)\W*",
    re.IGNORECASE,
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line at the edge of a page: where, and its words with the number of the page taken out."""

    page: int
    line: Line
    words: str
    offset: int | None  # of the number in it from the page's, None where there is no number


def drop_running_lines(
    pages: Sequence[Sequence[Line]], reaches: Sequence[tuple[float, float]]
) -> list[list[Line]]:
    """Return the pages with each header and footer once, and without page numbers.

    One that says again what stands larger in the text, as a title does, is not kept at all.

    reaches: the height of the bottom and the top of each page. No page loses all its lines.
    """
    with_text = sum(1 for page in pages if page)
    if with_text < FEWEST_PAGES:
        return [list(page) for page in pages]
    numbered = enumerate(zip(pages, reaches, strict=True))
    edges = [edge for number, (page, reach) in numbered for edge in _edges(number, page, reach)]
    dropped = _repeated(edges, with_text, _sizes(pages)) | _page_numbers(edges, with_text)
    kept = []
    for page in pages:
        left = [line for line in page if id(line) not in dropped]
        kept.append(left or list(page))
    return kept


def _edges(number: int, page: Sequence[Line], reach: tuple[float, float]) -> list[_Edge]:
    if len(page) < 2:
        return []
    bottom, top = reach
    margin = EDGE * (top - bottom)
    found = []
    for line in page:
        at_edge = line.y > top - margin or line.y < bottom + margin
        if at_edge and len(line.text) <= LONGEST and _stands_apart(line, page):
            found += _readings(number, line)
    return found


def _stands_apart(line: Line, page: Sequence[Line]) -> bool:
    """Say whether the body of the page is further off than a line of text would be."""
    inner = [
        abs(line.y - other.y)
        for other in page
        if abs(line.y - other.y) > 0.5 * line.size and abs(line.y - other.y) < 20 * line.size
    ]
    return not inner or min(inner) > MARGIN_GAP * line.size or line.y in _ends(page)


def _ends(page: Sequence[Line]) -> tuple[float, float]:
    heights = [line.y for line in page]
    return max(heights), min(heights)


def _readings(number: int, line: Line) -> list[_Edge]:
    """Return the line as it is, and without the number in it that may be the page's."""
    found = [_Edge(number, line, _letters(line.text), None)]
    for matched in list(_OF_PAGE.finditer(line.text))[:4]:
        group = next(place for place, text in enumerate(matched.groups(), 1) if text)
        value = _value(matched[group])
        if value:
            rest = f"{line.text[: matched.start(group)]}\0{line.text[matched.end(group) :]}"
            found.append(_Edge(number, line, _letters(rest), value - number))
    return found


def _letters(text: str) -> str:
    return "".join(text.lower().split())


def _value(digits: str) -> int | None:
    if digits.isdecimal():
        return int(digits) if len(digits) <= 5 else None
    values = [_ROMAN[letter] for letter in digits.lower()]
    return sum(
        -value if value < max(values[place:]) else value for place, value in enumerate(values)
    )


def _sizes(pages: Sequence[Sequence[Line]]) -> dict[str, float]:
    """Return the size of the largest line of the same letters."""
    largest: dict[str, float] = {}
    for page in pages:
        for line in page:
            letters = _letters(line.text)
            largest[letters] = max(line.size, largest.get(letters, 0.0))
    return largest


def _repeated(edges: Sequence[_Edge], with_text: int, sizes: Mapping[str, float]) -> set[int]:
    """Return the lines, by identity, that say again what an earlier page or a title said."""
    groups: defaultdict[tuple[str, int | None], list[_Edge]] = defaultdict(list)
    for edge in edges:
        groups[edge.words, edge.offset].append(edge)
    dropped: set[int] = set()
    for (words, offset), group in groups.items():
        if offset is not None and words.strip("\0-–—|/.") == "":
            continue  # a bare number
        for same in _at_one_place(group):
            pages = {edge.page for edge in same}
            many = len(pages) >= max(3, MOST_PAGES * with_text)
            if many or _on_neighbours(pages):
                first = min(same, key=lambda edge: edge.page)
                is_title = sizes.get(words, 0.0) > first.line.size + 0.5
                kept = -1 if is_title else first.page
                dropped |= {id(edge.line) for edge in same if edge.page != kept}
    return dropped


def _at_one_place(group: Sequence[_Edge]) -> list[list[_Edge]]:
    places: list[list[_Edge]] = []
    for edge in sorted(group, key=lambda one: one.line.y):
        if places and abs(places[-1][0].line.y - edge.line.y) < SAME_PLACE:
            places[-1].append(edge)
        else:
            places.append([edge])
    return places


def _on_neighbours(pages: set[int]) -> bool:
    """Say whether they are the pages of a chapter: at least four, each near the next."""
    ordered = sorted(pages)
    near = all(later - earlier <= 2 for earlier, later in pairwise(ordered))
    return len(ordered) >= 4 and near


def _page_numbers(edges: Sequence[_Edge], with_text: int) -> set[int]:
    """Return the lines that are nothing but numbers that go on with the pages."""
    groups: defaultdict[int, list[_Edge]] = defaultdict(list)
    for edge in edges:
        text = edge.line.text
        if edge.offset is not None and len(text) <= LONGEST_PAGE_NUMBER:
            matched = _PAGE_NUMBER.fullmatch(text)
            if matched and _value(matched[1]) == edge.page + edge.offset:
                groups[edge.offset].append(edge)
    return {
        id(edge.line)
        for group in groups.values()
        if len({edge.page for edge in group}) >= max(3, MOST_PAGES * with_text / 2)
        for edge in group
    }
