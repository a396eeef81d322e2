"""Markdown: tables, lists and code stay readable; link text and image descriptions are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import TYPE_CHECKING

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer, join_lines
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import decode

if TYPE_CHECKING:
    from markdown_it.token import Token

DEEPEST = 100
"""Lists and quotations within one another, a list counting twice; where they are deeper, the file
is read as plain text. The parser goes through them by recursion: this is a fifth of its stack."""

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?:[^\n]*\n)*?(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^>]*>")


def read(data: bytes, name: str) -> Extract:
    """Return the text of a Markdown file (CommonMark with tables), without its front matter.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    from markdown_it import MarkdownIt

    decoded = decode(data, name)
    source = _FRONT_MATTER.sub("", decoded.text, count=1)
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    tokens = parser.parse(source)
    composer = Composer()
    if any(token.level >= DEEPEST - 1 for token in tokens):
        # What is deeper, and often all that follows, is not among the tokens.
        for paragraph in source.split("\n\n"):
            composer.paragraph(paragraph)
    else:
        _Walker(composer).walk(tokens)
    return composer.extract(damage_notes(decoded.damaged))


class _Walker:
    """Follows the token stream, remembering the lists, table row and heading it is in."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._lists: list[int | None] = []  # next number of each open list, None for bullets
        self._marker = ""  # of the list item whose first block is still to come
        self._list_begun = False  # something of the outermost open list has been written
        self._row: list[str] | None = None
        self._rows: list[str] = []
        self._heading_level = 0

    def walk(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            handler = getattr(self, f"_{token.type}", None)
            if handler is not None:
                handler(token)

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
        else:
            self._block(text)

    def _fence(self, token: Token) -> None:
        self._block(token.content.rstrip("\n"))

    _code_block = _fence

    def _html_block(self, token: Token) -> None:
        self._block(unescape(_without_tags(token.content)).strip())

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
        self._rows.append(" | ".join(self._row or []))
        self._row = None

    def _table_close(self, _: Token) -> None:
        self._block("\n".join(self._rows))

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


def _without_tags(source: str) -> str:
    """Return HTML source without comments and tags; what is opened and never closed stays text.

    Each pattern sees the source up to the last mark that closes one, so that every beginning
    finds its end: without one, it would look for it to the end of the source, each time anew.
    """
    for pattern, closing in ((_COMMENT, "-->"), (_TAG, ">")):
        end = source.rfind(closing) + len(closing) if closing in source else 0
        source = pattern.sub("", source[:end]) + source[end:]
    return source


def inline_text(tokens: Sequence[Token]) -> str:
    """Return what a reader sees of inline tokens; wrapped lines become one."""
    finished: list[str] = []
    wrapped: list[str] = []  # lines of the source that make up the line being put together
    pieces: list[str] = []  # of the line of the source being read
    for token in tokens:
        if token.type == "softbreak":
            wrapped.append("".join(pieces))
            pieces = []
        elif token.type == "hardbreak" or (token.type == "html_inline" and "<br" in token.content):
            finished.append(join_lines([*wrapped, "".join(pieces)]))
            wrapped, pieces = [], []
        elif token.type == "image":
            pieces.append(inline_text(token.children or []))
        elif token.type in ("text", "code_inline"):
            pieces.append(token.content)
    finished.append(join_lines([*wrapped, "".join(pieces)]))
    return "\n".join(finished)


FORMAT = Format(
    name="Markdown",
    suffixes=(".md", ".markdown"),
    media_type="text/markdown",
    read=read,
)
