"""Rich Text Format: its words; the rows of its tables are told by their bars."""

from __future__ import annotations

import re

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.signatures import begins_with
from ragapp.errors import BrokenDocument

_NO_CHARACTER = re.compile(r"\\u-?\d{6,}")


def read(data: bytes, name: str) -> Extract:
    """Return the text of an RTF file.

    Raises:
        BrokenDocument: it could not be made sense of.
    """
    from striprtf.striprtf import rtf_to_text

    try:
        source = _NO_CHARACTER.sub(r"\\u65533", data.decode("latin-1"))
        text = rtf_to_text(source, encoding="cp1252", errors="replace")
    except (ValueError, OverflowError, LookupError, IndexError, TypeError, AttributeError) as error:
        raise BrokenDocument(
            "office_damaged", name=name, format="RTF", reason=str(error)
        ) from error
    composer = Composer()
    rows: list[list[str]] = []
    for line in text.split("\n"):
        if line.rstrip().endswith("|"):
            rows.append([cell.strip() for cell in line.rstrip()[:-1].split("|")])
            continue
        composer.table(rows)
        rows = []
        composer.paragraph(line)
    composer.table(rows)
    return composer.extract()


FORMAT = Format(
    name="RTF",
    suffixes=(".rtf",),
    media_type="application/rtf",
    read=read,
    signature=begins_with(b"{\\rtf"),
    always_signed=True,
)
