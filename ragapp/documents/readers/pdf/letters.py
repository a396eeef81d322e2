"""Whether a PDF says which letters it shows, and the mending of some where it does not.

Fonts without a table from glyphs to characters give text that looks like text and is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ragapp.documents.readers.pdf.words import Word
from ragapp.text.chinese import IDEOGRAPHS

MOST_UNREADABLE = 0.3
"""Share of characters without a meaning; above it the text of a page is useless."""
FEWEST_LETTERS = 40
"""With fewer letters nothing is said about them but whether each has a meaning."""
FEWEST_WORDS = 0.35
"""Share of the runs of Latin letters that could be words; below, letters stand for other ones."""
MOST_RARE = 0.4
"""Share of ideographs outside those that the first standards hold, in text that is none."""

_GBK_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_WORD = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]{1,12}")
_RUN = re.compile(r"[^\s()\[\]{}\"'.,;:!?/|]+")
_VOWEL = re.compile("[aeiouyAEIOUYàâäáæèéêëìîïíòôöóœùûüúαεηιουωаеёиоуыэюяіїє]")
# Part numbers, bins, seats: "K-4613", "B12", "24V/DC-3"; tables hold nothing else.
_CODE = re.compile(r"[A-Z]{0,6}[-_]?\d[\w\-./]*")
_NUMBER = re.compile(r"[\d.,:;/%+\-–—#*°€$£¥=<>_~^&@]+\w{0,4}")


def unreadable_share(words: Sequence[Word]) -> float:
    """Return the share of a page's characters that mean nothing, 0 to 1."""
    letters = sum(len(word.text) for word in words)
    if not letters:
        return 0.0
    nothing = sum(
        sum(map(_means_nothing, word.text)) if word.mapped else len(word.text) for word in words
    )
    share = nothing / letters
    return 1.0 if share <= MOST_UNREADABLE and _is_gibberish(words) else share


def mended(words: list[Word]) -> list[Word]:
    """Read again what is GBK in a font of single bytes: each pair of Latin letters an ideograph."""
    letters = "".join(word.text for word in words)
    high = sum(map(_is_high, letters))
    if high < 4 or high < 0.4 * len(letters):
        return words
    read = [_as_gbk(word.text) for word in words]
    hanzi = sum(1 for text in read for letter in text if letter >= "\u2e80")
    if hanzi * 2 < 0.8 * high:
        return words
    return [replace(word, text=text, mapped=True) for word, text in zip(words, read, strict=True)]


def _as_gbk(text: str) -> str:
    """Return the text with each pair of bytes that GBK knows as its character."""
    found: list[str] = []
    place = 0
    while place < len(text):
        data = _bytes(text[place : place + 2])
        if len(data) == 2 and _GBK_PAIR.fullmatch(data):
            letter = data.decode("gb18030", "ignore")
            if letter:
                found.append(letter)
                place += 2
                continue
        found.append(text[place])
        place += 1
    return "".join(found)


_CP1252 = frozenset(bytes(b for b in range(0x80, 0xA0)).decode("cp1252", "ignore"))


def _is_high(letter: str) -> bool:
    return "\x80" <= letter <= "\xff" or letter in _CP1252


def _bytes(letters: str) -> bytes:
    # a soft hyphen comes as a hyphen, which is no second byte of GBK
    letters = letters[:1] + letters[1:].replace("-", "\xad")
    try:
        return b"".join(one.encode("cp1252" if one in _CP1252 else "latin-1") for one in letters)
    except UnicodeEncodeError:
        return b""


def _means_nothing(letter: str) -> bool:
    return (
        letter == "\ufffd"
        or "\ue000" <= letter <= "\uf8ff"
        or (letter < " ")
        or "\x7f" <= letter < "\xa0"
    )


def _is_gibberish(words: Sequence[Word]) -> bool:
    """Say whether letters are there, but not as any language puts them together."""
    letters = [letter for word in words for letter in word.text if letter.isalpha()]
    if len(letters) < FEWEST_LETTERS:
        return False
    ideographs = _IDEOGRAPH.findall("".join(letters))
    if len(ideographs) > 0.5 * len(letters):
        return sum(1 for one in ideographs if not _is_common(one)) > MOST_RARE * len(ideographs)
    latin = sum(1 for letter in letters if letter <= "\u024f")
    if latin < 0.8 * len(letters):
        return False
    runs = [run for word in words for run in _RUN.findall(word.text)]
    said = (run for run in runs if not (_NUMBER.fullmatch(run) or _CODE.fullmatch(run)))
    long = [run for run in said if len(run) > 2]
    if len(long) < 8:
        return False
    like = sum(1 for run in long if _WORD.fullmatch(run) and _VOWEL.search(run))
    return like < FEWEST_WORDS * len(long)


def _is_common(ideograph: str) -> bool:
    """Say whether GB 2312 or Big5's first plane or JIS X 0208 has it: what people write with."""
    for encoding, first in (("gb2312", 0xB0), ("big5", 0xA4), ("euc_jp", 0xB0)):
        try:
            data = ideograph.encode(encoding)
        except UnicodeEncodeError:
            continue
        if len(data) == 2 and first <= data[0] <= (0xC6 if encoding == "big5" else 0xF7):
            return True
    return False
