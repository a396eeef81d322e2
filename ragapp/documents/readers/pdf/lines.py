"""Words of a page → pieces of lines, parted where a gap is wider than one between words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from ragapp.documents.readers.compose import clean
from ragapp.documents.readers.pdf.words import RIGHT_TO_LEFT, Word
from ragapp.text.chinese import UNSPACED

CELL_GAP = 0.75
"""Times the size: a wider gap lies between columns of a table or of text."""
WORD_GAP = 0.2
"""Times the size: a wider gap is a space, where none is written and no ideograph stands by."""
SAME_BASELINE = 0.35
"""Times the size: letters whose middles differ by less stand on one line."""

_FULL_WIDTH_MARKS = "，。、；：？！（）《》「」『』【】〈〉"
_SPACE_AT_MARK = re.compile(rf" +(?=[{_FULL_WIDTH_MARKS}])|(?<=[{_FULL_WIDTH_MARKS}]) +")
_LEADER = re.compile(r"(?: ?[.·․…]){5,} ?")
_SPACE_IN_CJK = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_CJK_PAIR = re.compile(rf"(?<=[{UNSPACED}])(?=[{UNSPACED}])")
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a cell of a table, as printed: ends ``x`` and ``right``, baseline ``y`` upwards.

    size: of the font, in points. cells: of a row of a table, each with its left end in ``columns``.
    """

    text: str
    x: float
    y: float
    size: float
    right: float = 0.0
    monospaced: bool = False
    cells: tuple[str, ...] = ()
    columns: tuple[float, ...] = ()


def pieces_of(words: Sequence[Word]) -> list[Line]:
    """Return the pieces of lines in the order of the content; see ``CELL_GAP``."""
    pieces: list[Line] = []
    current: list[Word] = []
    for word in words:
        if current and not _goes_on(current[-1], word):
            pieces.extend(_piece(current))
            current = []
        current.append(word)
    pieces.extend(_piece(current))
    return _joined(pieces)


def _goes_on(last: Word, word: Word) -> bool:
    size = max(last.size, word.size, 1.0)
    apart = abs(last.bottom + last.top - word.bottom - word.top) / 2
    if apart > SAME_BASELINE * size and not _is_raised(last, word):
        return False
    gap = word.left - last.right
    if gap < -0.6 * size and RIGHT_TO_LEFT.match(word.text):
        gap = last.left - word.right
    return -0.6 * size - 0.5 < gap < CELL_GAP * size


def _is_raised(last: Word, word: Word) -> bool:
    """Say whether one of two is a small letter set higher or lower: a note's mark, an index."""
    small, large = sorted((last, word), key=lambda each: each.size)
    middle = (small.bottom + small.top) / 2
    reach = 0.3 * large.size
    return small.size < 0.85 * large.size and large.bottom - reach < middle < large.top + reach


def _piece(words: Sequence[Word]) -> list[Line]:
    if not words:
        return []
    words = _as_read(words)
    parts = [words[0].text]
    for last, word in pairwise(words):
        if _is_parted(last, word):
            parts.append(" ")
        parts.append(word.text)
    text = tidy(clean("".join(parts)))
    if not text:
        return []
    size = words[0].size
    if any(word.size != size for word in words):
        letters: Counter[float] = Counter()
        for word in words:
            letters[word.size] += len(word.text)
        size = letters.most_common(1)[0][0]
    return [
        Line(
            text,
            min(word.left for word in words),
            median(word.bottom for word in words if word.size == size),
            size,
            max(word.right for word in words),
            sum(word.monospaced for word in words) * 2 > len(words),
        )
    ]


def _as_read(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words of a line from the first, where those from right to left come as seen."""
    turned = sum(1 for word in words if RIGHT_TO_LEFT.search(word.text))
    if turned * 2 <= len(words) or words[0].left > words[-1].left:
        return words
    found: list[Word] = []
    for _, group in groupby(reversed(words), lambda word: bool(RIGHT_TO_LEFT.search(word.text))):
        run = list(group)  # of words that run alike: "12 May" stays as it is
        found += run if RIGHT_TO_LEFT.search(run[0].text) else reversed(run)
    return found


def _is_parted(last: Word, word: Word) -> bool:
    """Say whether a space stands between two words of a line."""
    before, after = (last, word) if last.left <= word.left else (word, last)
    gap = abs(after.left - before.right)
    ideographs = bool(_UNSPACED.match(last.text[-1])) + bool(_UNSPACED.match(word.text[0]))
    if ideographs:
        widest = (0.15, 0.3)[ideographs - 1] if word.spaced else 0.8
        return gap > widest * max(last.size, word.size)
    return word.spaced or gap > WORD_GAP * max(word.size, 1.0)


def _joined(pieces: list[Line]) -> list[Line]:
    """Put pieces of one line together that come one after the other and were drawn apart."""
    joined: list[Line] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and _same_line(last, piece):
            gap = piece.x - last.right
            if -0.3 * piece.size < gap < CELL_GAP * piece.size:
                joined[-1] = put_together([last, piece])
                continue
        joined.append(piece)
    return joined


def _same_line(one: Line, other: Line) -> bool:
    small, large = sorted((one.size, other.size))
    return abs(one.y - other.y) < SAME_BASELINE * large and large < 1.6 * max(small, 1.0)


def put_together(pieces: Sequence[Line], between: str = " ") -> Line:
    """Return one line of several pieces, which are given in reading order."""
    if len(pieces) == 1:
        return pieces[0]
    longest = max(pieces, key=lambda piece: len(piece.text))
    return Line(
        tidy(between.join(piece.text for piece in pieces)),
        min(piece.x for piece in pieces),
        longest.y,
        longest.size,
        max(piece.right for piece in pieces),
        longest.monospaced,
    )


def tidy(text: str) -> str:
    """Take out the spaces that are only gaps, and shorten the dots of a table of contents."""
    text = _SPACE_AT_MARK.sub("", " ".join(text.split()))
    text = _LEADER.sub(" ... ", text).strip()
    pairs = len(_CJK_PAIR.findall(text))
    gaps = len(_SPACE_IN_CJK.findall(text))
    # one space, as in 第一章 引言, was meant; one between every two characters was not
    return _SPACE_IN_CJK.sub("", text) if gaps >= 3 and gaps > pairs else text


def rows_of(pieces: Sequence[Line]) -> list[list[Line]]:
    """Group pieces by the line that they stand on, from the top; each group from the left."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda one: -one.y):
        if rows:
            near = rows[-1][0]
            if abs(near.y - piece.y) < SAME_BASELINE * max(near.size, piece.size):
                rows[-1].append(piece)
                continue
        rows.append([piece])
    return [_in_order(row) for row in rows]


def _in_order(row: list[Line]) -> list[Line]:
    letters = "".join(piece.text for piece in row)
    if not RIGHT_TO_LEFT.search(letters):
        return sorted(row, key=lambda piece: piece.x)
    turned = len(RIGHT_TO_LEFT.findall(letters))
    return sorted(row, key=lambda piece: piece.x, reverse=turned * 2 > len(letters))
