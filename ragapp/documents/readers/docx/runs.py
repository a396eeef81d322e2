"""The text of one paragraph of Word as it stands now, and what it refers to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ragapp.documents.readers.compose import with_target
from ragapp.documents.readers.docx.equations import equation_text
from ragapp.documents.readers.docx.names import SKIPPED, M, R, W

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_TARGET = re.compile(r'HYPERLINK\s+(?:\\[a-z]\s+)*"([^"]+)"', re.IGNORECASE)
# Of the font Symbol, whose letters Word stores above U+F000 (Adobe's Symbol encoding).
_SYMBOLS = dict(
    zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True)
) | dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True)) | {
    0xA3: "≤", 0xB3: "≥", 0xB1: "±", 0xB0: "°", 0xB4: "×", 0xB8: "÷", 0xB9: "≠", 0xBB: "≈",
    0xA5: "∞", 0xAE: "→", 0xAC: "←", 0xDE: "⇒", 0xD6: "√", 0xE5: "∑", 0xF2: "∫", 0xB7: "·",
    0xCE: "∈", 0xD1: "∇", 0xB6: "∂",
}  # fmt: skip
_TICKS = {0xFC: "✓", 0xFB: "✗", 0xFE: "☑", 0xFD: "☒", 0xA8: "☐", 0x6F: "☐", 0xA7: "▪", 0xE0: "→"}


@dataclass(slots=True)
class Paragraph:
    """Its text; the ids of the notes and comments it refers to, in order."""

    text: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)  # ("footnote", id)
    comments: list[str] = field(default_factory=list)


class _Field(NamedTuple):
    """A field of Word: its code, where in the pieces its result begins, and whether it has one."""

    codes: list[str]
    start: int
    separated: bool = False


class Runs:
    """Reads paragraphs of one part; ``links``: where its relationships lead."""

    def __init__(self, links: Mapping[str, str]) -> None:
        self._links = links
        self._numbers: dict[tuple[str, str], int] = {}

    def number_of(self, note: tuple[str, str]) -> int:
        """Return the number of a note, counted as they are referred to."""
        return self._numbers.setdefault(note, len(self._numbers) + 1)

    def read(self, element: Element) -> Paragraph:
        """Return the text of a paragraph, without that of its text boxes."""
        found = Paragraph()
        pieces: list[str] = []
        fields: list[_Field] = []  # those that are open
        stack: list[tuple[Element, int | None]] = [(one, None) for one in reversed(element)]
        while stack:
            node, start = stack.pop()
            if start is not None:  # the end of a link
                self._link(pieces, start, self._target(node))
                continue
            tag = node.tag
            if not isinstance(tag, str) or tag in SKIPPED or tag == W + "txbxContent":
                continue
            if tag == W + "rt":  # how its word is pronounced
                continue
            if tag in (M + "oMath", M + "oMathPara"):
                pieces.append(equation_text(node))
                continue
            if tag in (W + "hyperlink", W + "fldSimple"):
                stack.append((node, len(pieces)))
            elif tag.startswith(W):
                self._piece(node, tag.removeprefix(W), pieces, fields, found)
            stack += [(one, None) for one in reversed(node)]
        found.text = "".join(pieces)
        return found

    def _piece(
        self,
        node: Element,
        name: str,
        pieces: list[str],
        fields: list[_Field],
        found: Paragraph,
    ) -> None:
        if name == "t":
            pieces.append(_letters(node))
        elif name in _BREAKS and node.getparent().tag == W + "r":
            pieces.append(_BREAKS[name])
        elif name == "sym":
            pieces.append(_symbol(node))
        elif name == "instrText" and fields:
            fields[-1].codes.append(node.text or "")
        elif name == "fldChar":
            self._field(node.get(W + "fldCharType"), pieces, fields)
        elif name in ("footnoteReference", "endnoteReference"):
            note = (name.removesuffix("Reference"), node.get(W + "id", ""))
            found.notes.append(note)
            pieces.append(f"[{self.number_of(note)}]")
        elif name == "commentReference":
            found.comments.append(node.get(W + "id", ""))

    def _field(self, kind: str | None, pieces: list[str], fields: list[_Field]) -> None:
        if kind == "begin":
            fields.append(_Field([], len(pieces)))
        elif kind == "separate" and fields:
            del pieces[fields[-1][1] :]  # what stood before is the field's code, whatever it holds
            fields[-1] = fields[-1]._replace(separated=True)
        elif kind == "end" and fields:
            codes, start, separated = fields.pop()
            if not separated:  # it has no result
                del pieces[start:]
            target = _TARGET.search("".join(codes))
            if target:
                self._link(pieces, start, target[1])

    def _target(self, node: Element) -> str:
        if node.tag == W + "fldSimple":
            found = _TARGET.search(node.get(W + "instr", ""))
            return found[1] if found else ""
        return self._links.get(node.get(R + "id", ""), "")

    def _link(self, pieces: list[str], start: int, target: str) -> None:
        if target and start < len(pieces):
            pieces[start:] = [with_target("".join(pieces[start:]), target)]


def _letters(node: Element) -> str:
    """Return the text of a run's ``w:t``, which may be typed in the letters of a symbol font."""
    text = node.text or ""
    run = node.getparent()
    fonts = None if run is None else run.find(f"{W}rPr/{W}rFonts")
    font = "" if fonts is None else fonts.get(W + "ascii", "")
    if font.lower() == "symbol" or any("\uf000" <= letter <= "\uf0ff" for letter in text):
        return "".join(_meant(ord(letter), font, letter) for letter in text)
    return text


def _symbol(node: Element) -> str:
    """Return the character of a symbol; nothing where only its font knows it."""
    try:
        code = int(node.get(W + "char", ""), 16)
    except ValueError:
        return ""
    return _meant(code, node.get(W + "font", ""), "")


def _meant(code: int, font: str, otherwise: str) -> str:
    """Return the letter that a code stands for; ``otherwise`` where its font does not say."""
    font = font.lower()
    known = _SYMBOLS if font == "symbol" else _TICKS if font.startswith("wingdings") else {}
    if 0xF000 <= code <= 0xF0FF:
        return known.get(code & 0xFF, "")
    if known and code <= 0xFF:
        return known.get(code, otherwise)
    return chr(code) if 0x20 <= code < 0xD800 else ""
