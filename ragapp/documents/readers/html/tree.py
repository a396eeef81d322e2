"""HTML source → a tree of elements, in time linear in the source, however deep it is nested.

The parser is libxml2's, which closes what pages leave open; it hands over one event after the
other, so that neither its limit on depth nor Python's on recursion matters here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LAYOUT = ("table", "p", "div", "ul", "ol", "dl", "pre", "section", *HEADINGS)
# Their text is not part of the page's: code, and the readings above characters.
_NO_TEXT = frozenset({"script", "style", "template", "rt", "rp"})


class Element:
    """A tag with what it holds, and what the tags in it, at any depth, are.

    deepest_table: how many tables lie within one another in it; text_length: characters of text.
    """

    __slots__ = (
        "attributes",
        "children",
        "deepest_table",
        "holds_heading",
        "holds_layout",
        "holds_nav",
        "name",
        "text_length",
    )

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.attributes = dict(attributes)
        self.children: list[Element | str] = []
        self.holds_heading = False
        self.holds_layout = False
        self.holds_nav = False
        self.deepest_table = 0
        self.text_length = 0


def parse_tree(source: str) -> Element:
    """Return the root of a page; it has no children when there are no tags in it at all."""
    from lxml import etree

    builder = _TreeBuilder()
    parser = etree.HTMLParser(target=builder, huge_tree=True)
    parser.feed(source)
    root: Element = parser.close()
    return root


def find(root: Element, name: str) -> Element | None:
    """Return the first element of a name, in the order of the page."""
    stack = [root]
    while stack:
        element = stack.pop()
        if element.name == name:
            return element
        stack.extend(child for child in reversed(element.children) if isinstance(child, Element))
    return None


def strings(element: Element, dropped: Callable[[Element], bool]) -> Iterator[str]:
    """Yield the text in an element, a space for a line break, without the ``dropped`` elements."""
    stack = list(reversed(element.children))
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif node.name == "br":
            yield " "
        elif not dropped(node):
            stack.extend(reversed(node.children))


def raw_text(element: Element) -> str:
    """Return all text in an element, as it stands in the source."""
    pieces: list[str] = []
    stack = list(reversed(element.children))
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif node.name not in _NO_TEXT:
            stack.extend(reversed(node.children))
    return "".join(pieces)


class _TreeBuilder:
    """Receives the parser's events."""

    def __init__(self) -> None:
        self._open = [Element("", {})]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        element = Element(tag, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _: str) -> None:
        inner = self._open.pop()
        outer = self._open[-1]
        outer.holds_heading |= inner.holds_heading or inner.name in HEADINGS
        outer.holds_layout |= inner.holds_layout or inner.name in LAYOUT
        outer.holds_nav |= inner.holds_nav or inner.name == "nav"
        depth = inner.deepest_table + (inner.name == "table")
        outer.deepest_table = max(outer.deepest_table, depth)
        outer.text_length += inner.text_length

    def data(self, text: str) -> None:
        self._open[-1].children.append(text)
        self._open[-1].text_length += len(text.strip())

    def close(self) -> Element:
        return self._open[0]
