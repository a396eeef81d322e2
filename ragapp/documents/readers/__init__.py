"""One module a format; each turns the bytes of a file into text with its structure.

A reader module has a function ``read(data, name) -> Extract`` and says what it reads in
``FORMAT``. To add a format, write such a module and enter it in ``ragapp.documents.formats``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ragapp.documents.signatures import Signature
from ragapp.types import Block, Heading, Note, Page


@dataclass(frozen=True, slots=True)
class Extract:
    """What a reader found: the text, and offsets into it. Paragraphs are parted by a blank line."""

    text: str
    headings: tuple[Heading, ...] = ()
    pages: tuple[Page, ...] = ()
    notes: tuple[Note, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that can be read.

    ``name`` (and ``name_zh`` where Chinese says it otherwise) stands in lists of what is accepted;
    of a format with a signature also in errors: "the content is in PDF format". The first of
    ``suffixes`` is the usual one. ``signature`` knows the format by its bytes; None: any text may
    be it. ``always_signed``: a file without the signature is damaged. ``extra`` names the optional
    packages it needs. ``read_with_ocr`` also reads what is there as a picture only.
    """

    name: str
    suffixes: tuple[str, ...]
    media_type: str
    read: Callable[[bytes, str], Extract]
    name_zh: str = ""
    signature: Signature | None = None
    always_signed: bool = False
    extra: str = ""
    read_with_ocr: Callable[[bytes, str], Extract] | None = None

    @property
    def suffix(self) -> str:
        """The usual suffix."""
        return self.suffixes[0]
