"""Web pages saved whole (.mht, .mhtml): a mail whose first page is the page."""

from __future__ import annotations

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.html.reader import compose_page
from ragapp.documents.readers.mail.eml import parse, part_text
from ragapp.errors import BrokenDocument


def read(data: bytes, name: str) -> Extract:
    """Return the text of a saved page.

    Raises:
        BrokenDocument: there is no page in it.
    """
    for part in parse(data).walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            composer = Composer()
            compose_page(part_text(part, name), composer)
            return composer.extract()
    raise BrokenDocument("page_missing", name=name)


FORMAT = Format(
    name="MHTML",
    suffixes=(".mht", ".mhtml"),
    media_type="multipart/related",
    read=read,
)
