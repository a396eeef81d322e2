"""What a reader sees of the inline part of Markdown: words, without their marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragapp.documents.readers.compose import join_lines, with_target

if TYPE_CHECKING:
    from markdown_it.token import Token


def inline_text(tokens: Sequence[Token]) -> str:
    """Return the text of inline tokens; wrapped lines become one, links say where they lead."""
    finished: list[str] = []
    wrapped: list[str] = []  # lines of the source that make up the line being put together
    pieces: list[str] = []  # of the line of the source being read
    link: tuple[int, int, str] | None = None  # lines and pieces before it, and where it leads
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
        elif token.type == "link_open":
            link = (len(wrapped), len(pieces), str(token.attrGet("href") or ""))
        elif token.type == "link_close" and link is not None:
            lines, start, target = link
            start = start if lines == len(wrapped) else 0  # its words were wrapped
            pieces[start:] = [with_target("".join(pieces[start:]), target)]
            link = None
    finished.append(join_lines([*wrapped, "".join(pieces)]))
    return "\n".join(finished)
