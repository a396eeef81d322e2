"""What stands beside the body of a Word file: notes, comments, and the headers of its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers.compose import collapse_space
from ragapp.documents.readers.docx.names import W
from ragapp.documents.readers.docx.runs import Runs
from ragapp.documents.readers.xml import parse_xml

if TYPE_CHECKING:
    from docx.document import Document as DocxDocument
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|第)?\s*\d*\s*(?:[页頁]|of|/|von)?[\s,，]*(?:共)?\s*\d*\s*[页頁]?\W*",
    re.IGNORECASE,
)
_NOT_NOTES = ("separator", "continuationSeparator", "continuationNotice")


class Beside:
    """The other parts of a document, read when the body refers to them."""

    def __init__(self, document: DocxDocument) -> None:
        self._parts: dict[str, list[Any]] = {}
        for relation in document.part.rels.values():
            if not relation.is_external:
                kind = relation.reltype.rpartition("/")[2]
                self._parts.setdefault(kind, []).append(relation.target_part)
        self._notes = {
            kind: dict(self._entries(f"{kind}s", kind)) for kind in ("footnote", "endnote")
        }
        self._comments = dict(self._entries("comments", "comment"))

    def note(self, note: tuple[str, str]) -> str:
        """Return the text of a note by its kind and id."""
        return self._notes.get(note[0], {}).get(note[1], "")

    def comment(self, key: str) -> str:
        """Return a comment with its author."""
        return self._comments.get(key, "")

    def running_texts(self) -> list[str]:
        """Return what headers and footers of pages say, each once, without page numbers."""
        texts: dict[str, None] = {}
        for kind in ("header", "footer"):
            for part in self._parts.get(kind, []):
                root, runs = self._read(part)
                for paragraph in root.iter(W + "p"):
                    text = collapse_space(runs.read(paragraph).text)
                    if text and not _PAGE_NUMBER.fullmatch(text):
                        texts[text] = None
        return list(texts)

    def _entries(self, kind: str, tag: str) -> Iterator[tuple[str, str]]:
        for part in self._parts.get(kind, [])[:1]:
            root, runs = self._read(part)
            for entry in root.iterchildren(W + tag):
                if entry.get(W + "type") in _NOT_NOTES:
                    continue
                read = (collapse_space(runs.read(one).text) for one in entry.iter(W + "p"))
                text = " ".join(filter(None, read))
                author = entry.get(W + "author", "") if tag == "comment" else ""
                yield entry.get(W + "id", ""), f"{author}: {text}" if author and text else text

    def _read(self, part: Any) -> tuple[Element, Runs]:  # noqa: ANN401 - of python-docx
        return parse_xml(part.blob), Runs(links_of(part))


def links_of(part: Any) -> Mapping[str, str]:  # noqa: ANN401
    """Return where the relationships of a part lead outside, by their ids."""
    rels = getattr(part, "rels", {})
    return {key: one.target_ref for key, one in rels.items() if one.is_external}
