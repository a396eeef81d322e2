"""One module a format; each turns the bytes of a file into text with its structure.

A reader is a function ``read(data, name) -> Extract``. To add a format, write such a module and
enter it in ``ragapp.documents.parse.READERS``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.types import Heading, Page


@dataclass(frozen=True, slots=True)
class Extract:
    """What a reader found: the text, and offsets into it. Paragraphs are parted by a blank line."""

    text: str
    headings: tuple[Heading, ...] = ()
    pages: tuple[Page, ...] = ()
    notes: tuple[str, ...] = ()
