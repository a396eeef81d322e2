"""Photographs and scans: the text in them, by OCR."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ragapp.documents import ocr
from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.pdf.headings import find_headings
from ragapp.documents.readers.pdf.layout import Grid, reading_order
from ragapp.documents.readers.pdf.paragraphs import compose_pages
from ragapp.documents.signatures import Content
from ragapp.errors import BrokenDocument, EmptyDocument, UnsupportedFormat
from ragapp.types import Note

if TYPE_CHECKING:
    from ragapp.documents.readers.pdf.lines import Line

MOST_PIXELS = 100_000_000
MOST_PAGES = 200  # of a fax in one TIFF
POINTS = 0.36  # a pixel of a scan at 200 dots an inch


def read(data: bytes, name: str) -> Extract:
    """Return the text in a picture; each page of a TIFF is a page.

    Raises:
        UnsupportedFormat: the packages for OCR are not installed.
        BrokenDocument: damaged, or of absurd size.
        EmptyDocument: no text in it.
    """
    if not ocr.is_installed():
        raise UnsupportedFormat("ocr_not_installed", name=name)
    pages = _recognised(data, name)
    if not any(pages):
        raise EmptyDocument("picture_without_text", name=name)
    extract = compose_pages(pages, find_headings(pages, []), {})
    note = Note("pages_recognised", {"count": len(pages)})
    return Extract(extract.text, extract.headings, extract.pages, (note,), extract.blocks)


def _recognised(data: bytes, name: str) -> list[list[Line]]:
    import numpy as np
    from PIL import Image, ImageOps, ImageSequence

    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise BrokenDocument("picture_too_large", name=name, most=MOST_PIXELS // 10**6)
            frames = zip(range(MOST_PAGES), ImageSequence.Iterator(picture), strict=False)
            return [
                reading_order(
                    ocr.recognise(np.asarray(ImageOps.exif_transpose(one).convert("RGB")), POINTS),
                    Grid(),
                )
                for _, one in frames
            ]
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BrokenDocument("picture_damaged", name=name, reason=str(error)) from error


_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")


def _is_picture(content: Content) -> bool:
    head = content.data[:32]
    bitmap = head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[14:18] == b"\x28\0\0\0"
    return head.startswith(_MARKS) or bitmap or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


FORMAT = Format(
    name="PNG / JPEG / TIFF",
    suffixes=(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    media_type="image/png",
    read=read,
    signature=_is_picture,
    always_signed=True,
    extra=ocr.EXTRA,
)
