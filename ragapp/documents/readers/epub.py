"""EPUB: the chapters of a book in the order of its spine, each a web page."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.html.reader import compose_fragment, decode_html
from ragapp.documents.readers.xml import parse_xml
from ragapp.documents.signatures import holds
from ragapp.errors import BrokenDocument
from ragapp.types import Note

MOST_CHAPTERS = 5000


def read(data: bytes, name: str) -> Extract:
    """Return the text of a book.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: its parts are locked.
    """
    check_archive(data, name)
    composer, failed = Composer(), 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            title, chapters = _spine(archive)
            for chapter in chapters:
                try:
                    source = archive.read(chapter)
                except KeyError:
                    failed += 1
                    continue
                if title and b"<h1" not in source and not composer.length:
                    composer.heading(1, title)
                compose_fragment(decode_html(source, name).text, composer)
    except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
        raise BrokenDocument(
            "office_damaged", name=name, format="EPUB", reason=str(error)
        ) from error
    return composer.extract((Note("chapters_missing", {"count": failed}),) if failed else ())


def _spine(archive: zipfile.ZipFile) -> tuple[str, list[str]]:
    """Return the title of a book, and the members that hold its chapters, in reading order."""
    container = parse_xml(archive.read("META-INF/container.xml"))
    rootfile = next(container.iter("{*}rootfile"), None)
    path = "" if rootfile is None else rootfile.get("full-path", "")
    package = parse_xml(archive.read(path))
    folder = posixpath.dirname(path)
    items = {item.get("id"): item.get("href", "") for item in package.iter("{*}item")}
    titles = (text.strip() for one in package.iter("{*}title") if (text := one.text))
    return next(titles, ""), list(_places(package.iter("{*}itemref"), items, folder))


def _places(references: Iterator[object], items: dict[object, str], folder: str) -> Iterator[str]:
    for _, reference in zip(range(MOST_CHAPTERS), references, strict=False):
        href = items.get(reference.get("idref"), "")  # type: ignore[attr-defined]
        if href:
            yield posixpath.normpath(posixpath.join(folder, unquote(href)))


FORMAT = Format(
    name="EPUB",
    suffixes=(".epub",),
    media_type="application/epub+zip",
    read=read,
    signature=holds("META-INF/container.xml"),
    always_signed=True,
)
