"""HTML: the page's own text, without navigation, scripts and decoration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragapp.documents.readers import Extract
from ragapp.documents.readers.compose import Composer, collapse_space
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import BYTE_ORDER_MARKS, Decoded, decode

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


DROPPED = _names(
    "script style template noscript head nav footer aside iframe object svg canvas "
    "button select textarea input rt rp"
)
DROPPED_ROLES = frozenset({"navigation", "search", "banner", "contentinfo"})
BLOCKS = _names(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure form header hr html legend li main ol p section summary tbody td tfoot th thead tr "
    "table ul h1 h2 h3 h4 h5 h6 pre"
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LAYOUT_CONTENT = ("table", "p", "div", "ul", "ol", "dl", "pre", "section", *HEADINGS)

_DECLARED = re.compile(rb"""<meta[^>]{1,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.I)
_XML_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9_.-]+)""")
_XML_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")
# Pages that say gb2312 use GBK, and pages that say big5 use its extensions: read the superset.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
}
# Page furniture that only its class gives away: Sphinx's and DocBook's.
DROPPED_CLASSES = frozenset({"headerlink", "navheader", "navfooter", "breadcrumb", "breadcrumbs"})

_BREAK = "\x00"  # stands for <br> until white space has been collapsed; it cannot occur in HTML


def read(data: bytes, name: str) -> Extract:
    """Return the text of a web page.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    from bs4 import BeautifulSoup

    decoded = decode_html(data, name)
    # NUL would end the text, and an XML declaration speaks of an encoding it no longer has
    source = _XML_DECLARATION.sub("", decoded.text.replace("\0", ""), count=1)
    soup = BeautifulSoup(source, "lxml")
    composer = Composer()
    root = soup.body or soup
    if soup.title and not root.find("h1"):
        composer.heading(1, soup.title.get_text())
    _Walker(composer).walk(root)
    return composer.extract(damage_notes(decoded.damaged))


def decode_html(data: bytes, name: str) -> Decoded:
    """Decode by byte order mark, then by what the page declares, then by plausibility."""
    declared = _DECLARED.search(data[:4096]) or _XML_DECLARED.search(data[:200])
    if declared and not data.startswith(tuple(mark for mark, _ in BYTE_ORDER_MARKS)):
        encoding = declared[1].decode("ascii").lower()
        encoding = _SUPERSETS.get(encoding, encoding)
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            pass  # it declares what it is not; find out below
        else:
            return Decoded(text, encoding)
    return decode(data, name)


class _Walker:
    """Goes through the tree once, without recursion: pages may be nested deeper than the stack."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._inline: list[str] = []
        self._lists: list[int | None] = []  # next number of each open list, None for bullets
        self._marker = ""
        self._list_begun = False

    def walk(self, root: Tag | BeautifulSoup) -> None:
        from bs4.element import NavigableString, PreformattedString, Tag

        stack: list[tuple[PageElement, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if isinstance(node, Tag):
                if leaving:
                    self._leave(node)
                elif self._enter(node):
                    stack.append((node, True))
                    stack.extend((child, False) for child in reversed(node.contents))
            elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
                self._inline.append(str(node))
        self._flush()

    def _enter(self, tag: Tag) -> bool:
        """Begin an element; return whether to walk its children."""
        if _is_dropped(tag):
            return False
        if tag.name in BLOCKS:
            self._flush()
        if tag.name in HEADINGS and not self._lists:
            self._composer.heading(int(tag.name[1]), _text_of(tag))
        elif tag.name == "pre":
            self._block(tag.get_text().strip("\n"))
        elif tag.name == "table" and not tag.find(LAYOUT_CONTENT):
            self._block("\n".join(_table_rows(tag)))
        elif tag.name == "br":
            self._inline.append(_BREAK)
        elif tag.name == "img":
            self._inline.append(str(tag.get("alt") or ""))
        else:
            self._open_list(tag)
            return True
        return False

    def _open_list(self, tag: Tag) -> None:
        if tag.name == "ul":
            self._lists.append(None)
        elif tag.name == "ol":
            start = str(tag.get("start") or "1")
            self._lists.append(int(start) if start.isdecimal() else 1)
        elif tag.name == "li":
            number = self._lists[-1] if self._lists else None
            self._marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1

    def _leave(self, tag: Tag) -> None:
        if tag.name in BLOCKS:
            self._flush()
        if tag.name in ("td", "th") and self._inline:
            self._inline.append(" ")
        if tag.name in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._list_begun = self._list_begun and bool(self._lists)

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        self._block("\n".join(filter(None, map(collapse_space, text.split(_BREAK)))))

    def _block(self, text: str) -> None:
        if not text.strip():
            return
        if not self._lists:
            self._composer.paragraph(self._marker + text)
        else:
            indent = "  " * (len(self._lists) - 1)
            marker = self._marker or "  "
            text = indent + marker + text.replace("\n", "\n" + indent + " " * len(marker))
            self._composer.paragraph(text, tight=self._list_begun)
            self._list_begun = True
        self._marker = ""


def _is_dropped(tag: Tag) -> bool:
    if tag.name in DROPPED or tag.get("role") in DROPPED_ROLES or tag.has_attr("hidden"):
        return True
    if tag.name == "header":  # of the site; the header of an article holds its title
        return tag.find(HEADINGS) is None or tag.find("nav") is not None
    return not DROPPED_CLASSES.isdisjoint(tag.get_attribute_list("class"))


def _table_rows(table: Tag) -> Iterator[str]:
    for row in table.find_all(["caption", "tr"]):
        if row.name == "caption":
            yield _text_of(row)
            continue
        cells = [_text_of(cell) for cell in row.find_all(["td", "th"])]
        if any(cells):
            yield " | ".join(cells)


def _text_of(tag: Tag) -> str:
    for dropped in tag.find_all(_is_dropped):
        dropped.extract()
    for line_break in tag.find_all("br"):
        line_break.replace_with(" ")
    return collapse_space(tag.get_text())
