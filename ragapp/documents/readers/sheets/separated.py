"""CSV and its like: text with separators, of whatever kind they are."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.sheets.compose import compose_sheet
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import decode

SEPARATORS = "\t;|,"
LOOKED_AT = 64
"""Lines from which the separator is judged."""


def read(data: bytes, name: str) -> Extract:
    """Return the rows of separated values, each with the names of its columns.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode(data, name)
    text = decoded.text.replace("\0", "").lstrip("\ufeff")
    said, _, rest = text.partition("\n")
    separator = ""
    if said.strip().lower().startswith("sep=") and len(said.strip()) == len("sep=") + 1:
        separator, text = said.strip()[-1], rest  # what Excel writes for itself
    composer = Composer()
    compose_sheet(composer, _rows(text, separator or find_separator(text)), named=True)
    return composer.extract(damage_notes(decoded.damaged))


def find_separator(text: str) -> str:
    """Return the separator that parts most lines into the same number of cells, at least two."""
    lines = text[: 1 << 16].splitlines()[:LOOKED_AT]
    best, most = ",", 0
    for separator in SEPARATORS:
        widths = Counter(map(len, _parsed("\n".join(lines), separator)))
        width, count = max(
            ((width, count) for width, count in widths.items() if width > 1),
            key=lambda each: each[1],
            default=(0, 0),
        )
        if width and count > most:
            best, most = separator, count
    return best


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the rows; where quotation marks do not match, they are letters like any other."""
    if '"' not in text:
        return _parsed(text, separator)
    try:
        for _ in csv.reader(io.StringIO(text), delimiter=separator, strict=True):
            pass
    except csv.Error:
        return _parsed(text, separator, quoted=False)
    return _parsed(text, separator)


def _parsed(text: str, separator: str, *, quoted: bool = True) -> Iterator[list[str]]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text), delimiter=separator, quoting=quoting)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell longer than the module takes
            continue
        yield [" ".join(cell.split()) for cell in row]


FORMAT = Format(
    name="CSV",
    suffixes=(".csv", ".tsv"),
    media_type="text/csv",
    read=read,
)
