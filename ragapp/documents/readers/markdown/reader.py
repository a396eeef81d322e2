"""Markdown: tables row by row, code whole, footnotes where they belong, links with targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.html.reader import compose_fragment
from ragapp.documents.readers.markdown.inline import inline_text
from ragapp.documents.readers.markdown.source import Source, marks_in, take_apart
from ragapp.documents.readers.table import table_lines
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import decode

if TYPE_CHECKING:
    from markdown_it.token import Token

DEEPEST = 100
"""Lists and quotations within one another, a list counting twice; where they are deeper, the file
is read as plain text. The parser goes through them by recursion: this is a fifth of its stack."""


def read(data: bytes, name: str) -> Extract:
    """Return the text of a Markdown file: CommonMark with tables, footnotes and front matter.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode(data, name)
    composer = Composer()
    compose_markdown(composer, decoded.text)
    return composer.extract(damage_notes(decoded.damaged))


def compose_markdown(composer: Composer, text: str) -> None:
    """Add a piece of Markdown, as other formats hold it, to a document."""
    from markdown_it import MarkdownIt

    source = take_apart(text)
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    tokens = parser.parse(source.text)
    _front_matter(composer, source, tokens)
    if not any(token.level >= DEEPEST - 1 for token in tokens):
        _Walker(composer, source.footnotes).walk(tokens)
        return
    # What is deeper, and often all that follows, is not among the tokens.
    for paragraph in source.text.split("\n\n"):
        composer.paragraph(paragraph)
    for mark, note in source.footnotes.items():
        composer.paragraph(f"[^{mark}]: {note}")


def _front_matter(composer: Composer, source: Source, tokens: Sequence[Token]) -> None:
    """Write the front matter; its title is the document's, if the text begins without one."""
    pairs = list(source.front_matter)
    titled = any(token.type == "heading_open" and token.tag == "h1" for token in tokens)
    for pair in pairs:
        if pair[0].lower() == "title" and not titled:
            composer.heading(1, pair[1])
            pairs.remove(pair)
            break
    composer.paragraph("\n".join(f"{name}: {value}" for name, value in pairs))


class _Walker:
    """Follows the token stream, remembering the lists, table row and heading it is in."""

    def __init__(self, composer: Composer, footnotes: dict[str, str]) -> None:
        self._composer = composer
        self._footnotes = dict(footnotes)  # those that have not been written yet
        self._html: list[str] = []  # blocks of tags that blank lines part
        self._lists: list[int | None] = []  # next number of each open list, None for bullets
        self._marker = ""  # of the list item whose first block is still to come
        self._list_begun = False  # something of the outermost open list has been written
        self._row: list[str] | None = None
        self._rows: list[list[str]] = []
        self._heading_level = 0

    def walk(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            if self._html and token.type != "html_block":
                self._html_end()
            handler = getattr(self, f"_{token.type}", None)
            if handler is not None:
                handler(token)
        self._html_end()
        self._write_footnotes(list(self._footnotes))

    def _heading_open(self, token: Token) -> None:
        self._heading_level = int(token.tag[1])

    def _heading_close(self, _: Token) -> None:
        self._heading_level = 0

    def _inline(self, token: Token) -> None:
        text = inline_text(token.children or [])
        if self._row is not None:
            self._row.append(text.replace("\n", " "))
        elif self._heading_level and not self._lists:
            self._composer.heading(self._heading_level, text)
            self._write_footnotes(marks_in(text))
        else:
            self._block(text)
            self._write_footnotes(marks_in(text))

    def _fence(self, token: Token) -> None:
        if self._lists:
            self._block(token.content.rstrip("\n"))
        else:
            self._composer.code(token.content.rstrip("\n"))

    _code_block = _fence

    def _html_block(self, token: Token) -> None:
        self._html.append(token.content)

    def _html_end(self) -> None:
        source, self._html = "\n".join(self._html), []
        if not self._lists:
            compose_fragment(source, self._composer)
        else:
            inner = Composer()
            compose_fragment(source, inner)
            self._block(inner.extract().text)

    def _bullet_list_open(self, _: Token) -> None:
        self._lists.append(None)

    def _ordered_list_open(self, token: Token) -> None:
        self._lists.append(int(token.attrGet("start") or 1))

    def _bullet_list_close(self, _: Token) -> None:
        self._lists.pop()
        if not self._lists:
            self._list_begun = False

    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, _: Token) -> None:
        number = self._lists[-1]
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1

    def _table_open(self, _: Token) -> None:
        self._rows = []

    def _tr_open(self, _: Token) -> None:
        self._row = []

    def _tr_close(self, _: Token) -> None:
        self._rows.append(self._row or [])
        self._row = None

    def _table_close(self, _: Token) -> None:
        if self._lists:
            self._block("\n".join(table_lines(self._rows, 1)))
        else:
            self._composer.table(self._rows, 1)
        self._write_footnotes(mark for row in self._rows for cell in row for mark in marks_in(cell))

    def _write_footnotes(self, marks: Iterable[str]) -> None:
        """Write the footnotes of what was just written, each once."""
        for mark in marks:
            note = self._footnotes.pop(mark, None)
            if note is not None:
                self._block(f"[^{mark}]: {note}")

    def _block(self, text: str) -> None:
        if not text.strip():
            return
        if not self._lists:
            self._composer.paragraph(text)
            return
        indent = "  " * (len(self._lists) - 1)
        hanging = indent + " " * len(self._marker or "  ")
        text = indent + (self._marker or "  ") + text.replace("\n", "\n" + hanging)
        self._composer.paragraph(text, tight=self._list_begun)
        self._list_begun = True
        self._marker = ""


FORMAT = Format(
    name="Markdown",
    suffixes=(".md", ".markdown"),
    media_type="text/markdown",
    read=read,
)
