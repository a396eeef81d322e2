"""Put blocks of text together in reading order, keeping track of where the headings are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragapp.documents.readers import Extract
from ragapp.text.chinese import UNSPACED
from ragapp.types import Heading

PARAGRAPH_BREAK = "\n\n"
LINE_BREAK = "\n"

_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters other than tab and newline, soft hyphens, byte order marks, noncharacters and
# lone surrogates: none of them can be seen, and the last cannot be stored as UTF-8.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\ufeff\ufffe\uffff\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")

_BESIDE_CJK = re.compile(f"[{UNSPACED}“”‘’…—]")
_BROKEN_WORD = re.compile(r"[^\W\d_]{2}-")
_WRAP_BETWEEN_CJK = re.compile(rf"(?<=[{UNSPACED}])[^\S\n]*\n\s*(?=[{UNSPACED}])")


def clean(text: str) -> str:
    r"""Return ``text`` with "\n" line ends, nothing invisible, and at most one blank line in a row.

    Every other character stays as it is: offsets must lead to what the source says.
    """
    text = _INVISIBLE.sub("", _NEWLINES.sub("\n", text))
    # line by line: a pattern for space before a line's end is quadratic in the space within a line
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub(PARAGRAPH_BREAK, text)


def collapse_space(text: str) -> str:
    """Return ``text`` on one line; a line wrapped between two Chinese characters gets no space."""
    return " ".join(_WRAP_BETWEEN_CJK.sub("", text.strip()).split())


def join_lines(lines: Iterable[str]) -> str:
    """Return the lines of one paragraph as one, joined as ``seam`` says, without empty ones."""
    pieces: list[str] = []
    for line in filter(None, map(str.strip, lines)):
        if pieces:
            pieces[-1], between = seam(pieces[-1], line)
            pieces.append(between)
        pieces.append(line)
    return "".join(pieces)


def seam(left: str, right: str) -> tuple[str, str]:
    """Return what stays of ``left``, and what goes between it and ``right`` on one line.

    Nothing goes between two Chinese characters, a word hyphenated at the line's end is mended when
    both halves are lower case, and everything else gets a space. Looks at the ends only.
    """
    if _BROKEN_WORD.fullmatch(left[-3:]) and left[-2].islower() and right[0].islower():
        return left[:-1], ""
    if left[-1] in "-/" and right[0].isalnum() and left[-2:-1].isalnum():
        return left, ""
    if _BESIDE_CJK.match(left[-1]) and _BESIDE_CJK.match(right[0]):
        return left, ""
    return left, " "


class Composer:
    """Collects the blocks of a document; ``extract`` returns the whole."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []

    def paragraph(self, text: str, *, tight: bool = False) -> None:
        """Add a block; ``tight`` puts it on the next line (a list item) without a blank one."""
        self._add(text, LINE_BREAK if tight else PARAGRAPH_BREAK)

    def heading(self, level: int, title: str) -> None:
        """Add a heading of ``level`` (1 is the highest) on a line of its own."""
        title = collapse_space(clean(title))
        if title:
            start = self._add(title, PARAGRAPH_BREAK)
            self._headings.append(Heading(level, title, start))

    def extract(self, notes: tuple[str, ...] = ()) -> Extract:
        """Return everything added so far."""
        return Extract("".join(self._parts), tuple(self._headings), notes=notes)

    def _add(self, text: str, separator: str) -> int:
        text = clean(text).strip("\n").rstrip()
        if not text.strip():
            return self._length
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        return start
