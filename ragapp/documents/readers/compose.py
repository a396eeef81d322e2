"""Put blocks of text together in reading order, keeping track of where the headings are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ragapp.documents.readers import Extract
from ragapp.documents.readers.table import Row, table_lines
from ragapp.text.chinese import UNSPACED
from ragapp.types import Block, BlockKind, Heading, Note

PIECE = 1_000_000
"""Characters that are cleaned at a time, up to the end of a line."""
PARAGRAPH_BREAK = "\n\n"
LINE_BREAK = "\n"

_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters other than tab and newline, soft hyphens, byte order marks, noncharacters and
# lone surrogates: none of them can be seen, and the last cannot be stored as UTF-8.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\ufeff\ufffe\uffff\ud800-\udfff]")
_TRAILING_SPACE = re.compile(r"[^\S\n](?:\n|\Z)")
_BLANK_LINES = re.compile(r"\n{3,}")

_ADDRESS = re.compile(r"(?:https?://|ftp://|mailto:|tel:)", re.I)
LONGEST_ADDRESS = 300  # characters; a longer one carries data, and says nothing to a reader
_BESIDE_CJK = re.compile(f"[{UNSPACED}“”‘’…—]")
_BROKEN_WORD = re.compile(r"[^\W\d_]{2}-")
_WRAP_BETWEEN_CJK = re.compile(rf"(?<=[{UNSPACED}])[^\S\n]*\n\s*(?=[{UNSPACED}])")


def clean(text: str) -> str:
    r"""Return ``text`` with "\n" line ends, nothing invisible, and at most one blank line in a row.

    Every other character stays as it is: offsets must lead to what the source says.
    """
    text = _INVISIBLE.sub("", _NEWLINES.sub("\n", text.replace("\r\n", "\n")))
    if _TRAILING_SPACE.search(text):
        text = "".join(_without_trailing_space(text))
    return _BLANK_LINES.sub(PARAGRAPH_BREAK, text)


def _without_trailing_space(text: str) -> Iterator[str]:
    """Yield a text piece by piece, its lines without space at their ends.

    Line by line, for a pattern is quadratic in the space within a line; and some at a time, for
    the lines of a large text take several times its memory.
    """
    start = 0
    while start < len(text):
        found = text.find("\n", min(len(text), start + PIECE))
        end = len(text) if found < 0 else found
        yield "\n".join([line.rstrip() for line in text[start:end].split("\n")])
        if found >= 0:
            yield "\n"
        start = end + 1


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


def with_target(text: str, target: str) -> str:
    """Return the text of a link with where it leads, if that is an address outside the document.

    "the form (https://example.org/form)"; an address that is its own text comes once.
    """
    target = target.strip()
    if not _ADDRESS.match(target) or len(target) > LONGEST_ADDRESS:
        return text
    shown = target.removeprefix("mailto:").removeprefix("tel:")
    if not text.strip():
        return shown
    bare = _ADDRESS.sub("", target).rstrip("/")
    return text if bare in text or shown in text else f"{text} ({shown})"


class Composer:
    """Collects the blocks of a document; ``extract`` returns the whole."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._blocks: list[Block] = []

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    def next_start(self, length: int) -> int:
        """Return where the first block begins that was added after ``length`` characters."""
        if length == self._length or length == 0:
            return length
        return length + len(PARAGRAPH_BREAK)

    def paragraph(self, text: str, *, tight: bool = False) -> None:
        """Add a block; ``tight`` puts it on the next line (a list item) without a blank one."""
        self._add(text, LINE_BREAK if tight else PARAGRAPH_BREAK)

    def heading(self, level: int, title: str) -> None:
        """Add a heading of ``level`` (1 is the highest) on a line of its own."""
        title = collapse_space(clean(title))
        if title:
            start = self._add(title, PARAGRAPH_BREAK)
            self._headings.append(Heading(level, title, start))

    def table(self, rows: Iterable[Row], header_rows: int | None = None, caption: str = "") -> None:
        """Add a table, a line or more for each row; see ``readers.table``."""
        self.paragraph(caption)
        cleaned = ([collapse_space(clean(cell)) for cell in row] for row in rows)
        self._block(BlockKind.TABLE, "\n".join(table_lines(cleaned, header_rows)))

    def lines(self, text: str) -> None:
        """Add lines that are rows already, each understood by itself."""
        self._block(BlockKind.TABLE, text)

    def code(self, text: str) -> None:
        """Add lines of code, as they are."""
        self._block(BlockKind.CODE, text)

    def include(self, extract: Extract, title: str) -> None:
        """Add the whole of another text under a heading: an attachment, a member of an archive.

        Its notes and pages are left to the caller.
        """
        self.heading(1, title)
        text = clean(extract.text).strip("\n").rstrip()
        start = self._add(text, PARAGRAPH_BREAK)
        if text != extract.text:  # offsets would lead astray; a reader's text is clean already
            return
        self._headings += [
            Heading(one.level + 1, one.title, start + one.start) for one in extract.headings
        ]
        self._blocks += [
            Block(one.kind, start + one.start, start + one.end) for one in extract.blocks
        ]

    def extract(self, notes: tuple[Note, ...] = ()) -> Extract:
        """Return everything added so far."""
        text, headings = "".join(self._parts), tuple(self._headings)
        return Extract(text, headings, notes=notes, blocks=tuple(self._blocks))

    def _block(self, kind: BlockKind, text: str) -> None:
        start = self._add(text, PARAGRAPH_BREAK)
        if start < self._length:
            self._blocks.append(Block(kind, start, self._length))

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
