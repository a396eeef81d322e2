"""What CommonMark knows nothing of and people write all the same: front matter and footnotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_VALUE = 300
"""Characters of a value of the front matter; a longer one is data for a program."""

_FRONT_MATTER = re.compile(
    r"\A\ufeff?---[ \t]*\n(?P<lines>(?:[^\n]*\n)*?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
_PAIR = re.compile(r"([\w][\w .\-]{0,59}):(?:[ \t]+(.*))?")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.+)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FOOTNOTE = re.compile(r" {0,3}\[\^([^\]\s]{1,60})\][:：][ \t]*(.*)")
_MARK = re.compile(r"\[\^([^\]\s]{1,60})\]")


@dataclass(frozen=True, slots=True)
class Source:
    """A file taken apart. footnotes: text by mark; front_matter: pairs of a name and its value."""

    text: str
    front_matter: tuple[tuple[str, str], ...]
    footnotes: dict[str, str]


def take_apart(text: str) -> Source:
    """Take the front matter (YAML between dashes) and the footnotes out of Markdown source."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    matched = _FRONT_MATTER.match(text)
    pairs = _pairs(matched["lines"]) if matched else ()
    if matched:
        text = text[matched.end() :]
    body, footnotes = _without_footnotes(text)
    return Source(body, pairs, footnotes)


def marks_in(text: str) -> list[str]:
    """Return the marks of footnotes in a text, in order."""
    return _MARK.findall(text)


def _pairs(lines: str) -> tuple[tuple[str, str], ...]:
    """Return the names and values of front matter; of lists their items, of more depth nothing."""
    pairs: list[tuple[str, list[str]]] = []
    for line in lines.split("\n"):
        item = _ITEM.fullmatch(line)
        if item and pairs:
            pairs[-1][1].append(_plain(item[1]))
        elif matched := _PAIR.fullmatch(line.rstrip()):
            value = _plain((matched[2] or "").strip("[]"))
            pairs.append((matched[1], [value] if value else []))
    joined = ((name, ", ".join(filter(None, values))) for name, values in pairs)
    return tuple((name, value) for name, value in joined if value and len(value) <= LONGEST_VALUE)


def _plain(value: str) -> str:
    return re.sub(r"""^["']|["']$""", "", value.strip().lstrip("|>").strip())


def _without_footnotes(text: str) -> tuple[str, dict[str, str]]:
    """Return the text without the definitions of footnotes, and these.

    To CommonMark "[^1]: text" is the address of a link, and the text is gone when it is one word,
    as all Chinese is. Lines set in below a definition belong to it.
    """
    if "[^" not in text:
        return text, {}
    kept: list[str] = []
    footnotes: dict[str, list[str]] = {}
    fence = ""
    open_note: list[str] | None = None
    for line in text.split("\n"):
        marked = _FENCE.match(line)
        if marked and not (fence and not marked[1].startswith(fence)):
            fence = "" if fence else marked[1]
        defined = None if fence else _FOOTNOTE.fullmatch(line)
        if defined:
            open_note = footnotes.setdefault(defined[1], [])
            open_note.append(defined[2])
            kept.append("")
        elif open_note is not None and line.startswith(("  ", "\t")):
            open_note.append(line.strip())
        else:
            open_note = open_note if not line.strip() else None
            kept.append(line)
    joined = {mark: " ".join(filter(None, lines)) for mark, lines in footnotes.items()}
    return "\n".join(kept), {mark: note for mark, note in joined.items() if note}
