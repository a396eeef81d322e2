"""HTML: the page's own text, without navigation, scripts and decoration."""

from __future__ import annotations

import re

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer, collapse_space, with_target
from ragapp.documents.readers.html.tables import read_table
from ragapp.documents.readers.html.tree import (
    HEADINGS,
    Element,
    find,
    parse_tree,
    raw_text,
    strings,
)
from ragapp.documents.readers.table import table_lines
from ragapp.documents.readers.text import damage_notes
from ragapp.documents.signatures import Content
from ragapp.text.decode import BYTE_ORDER_MARKS, Decoded, decode


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


DROPPED = _names(
    "script style template noscript head nav footer aside iframe object svg canvas "
    "select textarea input rt rp"
)
DROPPED_ROLES = frozenset({"navigation", "search", "banner", "contentinfo"})
BLOCKS = _names(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure form header hr html legend li main ol p section summary tbody td tfoot th thead tr "
    "table ul h1 h2 h3 h4 h5 h6 pre"
)
DEEPEST_INDENT = 8  # levels of lists; deeper ones are set in no further, for nobody reads that
LONGEST_LABEL = 16  # characters of what stands on a button
LONGEST_NUMBER = 9  # digits of a list's first number; more is not counting

_BEFORE_TAGS = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>)?")
_FIRST_TAG = re.compile(rb"<(?:!doctype html|html[\s>])", re.I)
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

_TURN = (
    r"(?:[上下]一[页頁章节節篇级級]|[前后後]一[页頁章]|[首末][页頁]"
    r"|起始[页頁]|目[录錄]|返回(?:目[录錄]|首[页頁]|顶部|頂部)?|[回到]?[顶頂]部|prev(?:ious)?|next|up|home|top"
    r"|contents?|index|back(?: to top)?)"
)
# Links from page to page of a book: "上一页 | 目录 | 下一页", "Prev  Up  Next".
_TURNS_PAGES = re.compile(rf"[\s\W]*{_TURN}(?:[\s\W]+{_TURN})*[\s\W]*", re.IGNORECASE)

_BREAK = "\x00"  # stands for <br> until white space has been collapsed; it cannot occur in HTML


def read(data: bytes, name: str) -> Extract:
    """Return the text of a web page.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode_html(data, name)
    composer = Composer()
    compose_page(decoded.text, composer)
    return composer.extract(damage_notes(decoded.damaged))


def compose_page(source: str, composer: Composer) -> None:
    """Add a whole web page to a document, under its title if it has no heading of its own."""
    # NUL would end the text, and an XML declaration speaks of an encoding it no longer has
    root = parse_tree(_XML_DECLARATION.sub("", source.replace("\0", ""), count=1))
    body = find(root, "body") or root
    title = find(root, "title")
    if title is not None and find(body, "h1") is None:
        composer.heading(1, raw_text(title))
    _Walker(composer).walk(body)


def compose_fragment(source: str, composer: Composer) -> None:
    """Add the text of a piece of HTML, as other formats hold them, to a document."""
    if source.strip():
        root = parse_tree(_XML_DECLARATION.sub("", source.replace("\0", ""), count=1))
        _Walker(composer).walk(find(root, "body") or root)


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
        self._linked = False  # the block being read holds a link

    def walk(self, root: Element) -> None:
        stack: list[tuple[Element | str, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if isinstance(node, str):
                self._inline.append(node)
            elif leaving:
                self._leave(node)
            elif self._enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(node.children))
        self._flush()

    def _enter(self, tag: Element) -> bool:
        """Begin an element; return whether to walk its children."""
        if _is_dropped(tag):
            return False
        if tag.name in BLOCKS:
            self._flush()
        if tag.name in HEADINGS and not self._lists:
            self._composer.heading(int(tag.name[1]), _text_of(tag))
        elif tag.name == "pre":
            self._pre(tag)
        elif tag.name == "table":
            return self._enter_table(tag)
        elif tag.name == "br":
            self._inline.append(_BREAK)
        elif tag.name == "img":
            self._inline.append(tag.attributes.get("alt", ""))
        elif tag.name == "a" and not tag.holds_layout:
            self._linked = True
            self._inline.append(with_target(_text_of(tag), tag.attributes.get("href", "")))
        else:
            self._open_list(tag)
            return True
        return False

    def _enter_table(self, tag: Element) -> bool:
        table = read_table(tag, _is_dropped)
        if table is None:
            return True
        if not self._lists:
            self._composer.table(table.rows, table.header_rows, table.caption)
        else:
            lines = table_lines(table.rows, table.header_rows)
            self._block("\n".join(filter(None, (table.caption, *lines))))
        return False

    def _pre(self, tag: Element) -> None:
        text = raw_text(tag).strip("\n")
        if self._lists:
            self._block(text)
        else:
            self._composer.code(text)

    def _open_list(self, tag: Element) -> None:
        if tag.name == "ul":
            self._lists.append(None)
        elif tag.name == "ol":
            start = tag.attributes.get("start", "")
            counts = start.isdecimal() and len(start) <= LONGEST_NUMBER
            self._lists.append(int(start) if counts else 1)
        elif tag.name == "li":
            number = self._lists[-1] if self._lists else None
            self._marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1

    def _leave(self, tag: Element) -> None:
        if tag.name in BLOCKS:
            self._flush()
        if tag.name in ("td", "th") and self._inline:
            self._inline.append(" ")
        if tag.name in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._list_begun = self._list_begun and bool(self._lists)

    def _flush(self) -> None:
        text = "".join(self._inline)
        linked, self._linked = self._linked, False
        self._inline.clear()
        if linked and _TURNS_PAGES.fullmatch(text.replace(_BREAK, " ")):
            return
        self._block("\n".join(filter(None, map(collapse_space, text.split(_BREAK)))))

    def _block(self, text: str) -> None:
        if not text.strip():
            return
        if not self._lists:
            self._composer.paragraph(self._marker + text)
        else:
            indent = "  " * min(len(self._lists) - 1, DEEPEST_INDENT)
            marker = self._marker or "  "
            text = indent + marker + text.replace("\n", "\n" + indent + " " * len(marker))
            self._composer.paragraph(text, tight=self._list_begun)
            self._list_begun = True
        self._marker = ""


def _is_dropped(tag: Element) -> bool:
    attributes = tag.attributes
    if tag.name == "button":  # "Copy", "Menu"; but others hold questions that unfold
        return "aria-expanded" not in attributes and tag.text_length < LONGEST_LABEL
    if tag.name == "aside" and "note" in attributes.get("epub:type", attributes.get("role", "")):
        return False  # a footnote of a book
    if tag.name in DROPPED or attributes.get("role") in DROPPED_ROLES or "hidden" in attributes:
        return True
    if tag.name == "header":  # of the site; the header of an article holds its title
        return tag.holds_nav or not tag.holds_heading
    return not DROPPED_CLASSES.isdisjoint(attributes.get("class", "").split())


def _text_of(tag: Element) -> str:
    return collapse_space("".join(strings(tag, _is_dropped)))


def _is_html(content: Content) -> bool:
    """Know a web page by its first tag, after a byte order mark, a declaration and comments."""
    head = _BEFORE_TAGS.sub(b"", content.head, count=1).lstrip()
    while head.startswith(b"<!--"):
        _, closed, rest = head[4:].partition(b"-->")
        head = rest.lstrip() if closed else b""
    return _FIRST_TAG.match(head) is not None


FORMAT = Format(
    name="HTML",
    suffixes=(".html", ".htm", ".xhtml"),
    media_type="text/html",
    read=read,
    signature=_is_html,
)
