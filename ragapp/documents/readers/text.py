"""Plain text: decode it and recognise the headings that can be told for certain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import clean
from ragapp.text.decode import decode
from ragapp.types import Heading, Note

LONGEST_HEADING = 40  # characters; a longer line is a sentence that happens to begin like one

_NUMERAL = "[0-9０-９〇零一二三四五六七八九十百千]+"
# (level, pattern): Markdown marks carry their own level.
_HEADINGS = (
    (1, re.compile(rf"第\s*{_NUMERAL}\s*[卷部编編篇][\s：:]*.*")),
    (2, re.compile(rf"第\s*{_NUMERAL}\s*[章回][\s：:]*.*")),
    (3, re.compile(rf"第\s*{_NUMERAL}\s*[节節][\s：:]*.*")),
    (2, re.compile(r"(?:Chapter|CHAPTER|Appendix|APPENDIX)\s+(?:\d+|[IVXLC]+|[A-Z])\b[.:]?.*")),
)
_MARKED = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t#]*")
_SENTENCE_END = re.compile(r"[。！？；，,;!?…]$|[^.]\.$")


def read(data: bytes, name: str) -> Extract:
    """Return the text of a plain-text file in UTF-8, UTF-16, GB18030 or Big5.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode(data, name)
    notes = damage_notes(decoded.damaged)
    text = clean(decoded.text)
    del decoded  # a large text shall not be here twice
    text = text.strip("\n").rstrip()
    return Extract(text, _find_headings(text), notes=notes)


def damage_notes(damaged: int) -> tuple[Note, ...]:
    """Return the note about characters that could not be decoded, if there were any."""
    return (Note("characters_replaced", {"count": damaged}),) if damaged else ()


def _find_headings(text: str) -> tuple[Heading, ...]:
    headings: list[Heading] = []
    before = ""
    for (start, line), (_, after) in pairwise(chain(_lines(text), [(len(text), "")])):
        alone = not (before.strip() or after.strip())
        heading = _as_heading(line, start, alone=alone)
        if heading:
            headings.append(heading)
        before = line
    return tuple(headings)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its place; a list of all would take several times the text's memory."""
    start = 0
    while start <= len(text):
        found = text.find("\n", start)
        end = len(text) if found < 0 else found
        yield start, text[start:end]
        start = end + 1


def _as_heading(line: str, start: int, *, alone: bool) -> Heading | None:
    """Recognise a heading; ``alone``: blank lines around it tell it from a comment in a script."""
    title = line.strip()
    if not title or len(title) > LONGEST_HEADING or _SENTENCE_END.search(title):
        return None
    marked = _MARKED.fullmatch(line)
    if marked and alone:
        return Heading(len(marked[1]), marked[2], start)
    for level, pattern in _HEADINGS:
        if pattern.fullmatch(title):
            return Heading(level, title, start + line.index(title))
    return None


FORMAT = Format(
    name="text",
    name_zh="纯文本",
    suffixes=(".txt", ".text"),
    media_type="text/plain",
    read=read,
)
