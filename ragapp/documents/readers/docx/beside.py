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
            kind: {key: (text, comments) for key, text, comments in self._entries(f"{kind}s", kind)}
            for kind in ("footnote", "endnote")
        }
        self._comments = {key: text for key, text, _ in self._entries("comments", "comment")}

    def note(self, note: tuple[str, str]) -> tuple[str, list[str]]:
        """Return the text of a note by its kind and id, and the ids of the comments on it."""
        return self._notes.get(note[0], {}).get(note[1], ("", []))

    def comment(self, key: str) -> str:
        """Return a comment with its author."""
        return self._comments.get(key, "")

    def running_texts(self) -> list[str]:
        """Return what headers and footers of pages say, each once, without page numbers.

        Comments on them follow each.
        """
        texts: dict[str, None] = {}
        for kind in ("header", "footer"):
            for part in self._parts.get(kind, []):
                root, runs = self._read(part)
                for paragraph in root.iter(W + "p"):
                    read = runs.read(paragraph)
                    text = collapse_space(read.text)
                    if text and not _PAGE_NUMBER.fullmatch(text):
                        texts[text] = None
                    texts |= dict.fromkeys(filter(None, map(self.comment, read.comments)))
        return list(texts)

    def _entries(self, kind: str, tag: str) -> Iterator[tuple[str, str, list[str]]]:
        """Yield the id of each entry of a part, its text, and the comments on it."""
        for part in self._parts.get(kind, [])[:1]:
            root, runs = self._read(part)
            for entry in root.iterchildren(W + tag):
                if entry.get(W + "type") in _NOT_NOTES:
                    continue
                read = [runs.read(one) for one in entry.iter(W + "p")]
                text = " ".join(filter(None, (collapse_space(one.text) for one in read)))
                comments = [key for one in read for key in one.comments]
                author = entry.get(W + "author", "") if tag == "comment" else ""
                said = f"{author}: {text}" if author and text else text
                yield entry.get(W + "id", ""), said, comments

    def _read(self, part: Any) -> tuple[Element, Runs]:  # noqa: ANN401 - of python-docx
        return parse_xml(part.blob), Runs(links_of(part))


def links_of(part: Any) -> Mapping[str, str]:  # noqa: ANN401
    """Return where the relationships of a part lead outside, by their ids."""
    rels = getattr(part, "rels", {})
    return {key: one.target_ref for key, one in rels.items() if one.is_external}
