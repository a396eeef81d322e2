"""Words of a page whose font this machine cannot show, by pypdf.

PDFium leaves out a letter that is set alone in a font which neither the file nor the machine holds,
as vertical Chinese is. Where that empties a page, its content is read without regard to shapes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers.pdf.outline import reading_errors
from ragapp.documents.readers.pdf.words import Word
from ragapp.text.chinese import FIRST_UNSPACED_LETTER

if TYPE_CHECKING:
    from pypdf import PdfReader

logger = logging.getLogger(__name__)


def has_text_objects(page: Any) -> bool:  # noqa: ANN401 - pypdfium2 has no types
    """Say whether a page of pypdfium2 is told to set text."""
    import pypdfium2.raw as pdfium

    return any(
        pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page.raw, index))
        == pdfium.FPDF_PAGEOBJ_TEXT
        for index in range(pdfium.FPDFPage_CountObjects(page.raw))
    )


def unshown_words(reader: PdfReader, number: int) -> list[Word]:
    """Return the words of a page, counted from 0; their widths are estimated."""
    words: list[Word] = []

    def visit(
        text: str,
        outer: list[float],
        inner: list[float],
        font: Mapping[str, object] | None,
        size: float,
    ) -> None:
        x = inner[4] * outer[0] + inner[5] * outer[2] + outer[4]
        y = inner[4] * outer[1] + inner[5] * outer[3] + outer[5]
        size = size * math.hypot(inner[2], inner[3]) * math.hypot(outer[2], outer[3])
        downwards = str((font or {}).get("/Encoding", "")).endswith("-V")
        for part in text.split():
            long = sum(1.0 if letter >= FIRST_UNSPACED_LETTER else 0.5 for letter in part) * size
            wide, high = (size, -long) if downwards else (long, size)
            low, top = sorted((y, y + high))
            words.append(Word(part, x, low, x + wide, top, round(size, 1), spaced=True))
            x, y = (x, y + high) if downwards else (x + wide + size / 4, y)

    try:
        reader.pages[number].extract_text(visitor_text=visit)
    except reading_errors() as error:
        logger.info("pypdf could not read page %d: %s", number + 1, error)
        return []
    return words
