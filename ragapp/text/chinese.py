"""Chinese as characters: which ones they are, and Traditional made Simplified.

The one place for blocks of Unicode and for OpenCC's tables. A change here changes the terms that
are stored (``terms.TERMS_VERSION``) and where sentences and lines are cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources


def _class(*blocks: range) -> str:
    """Write blocks as the inside of a character class of a pattern."""
    return "".join(f"{chr(block.start)}-{chr(block[-1])}" for block in blocks)


EXTENSION_A = range(0x3400, 0x4DC0)
UNIFIED = range(0x4E00, 0xA000)
_COMPATIBILITY = range(0xF900, 0xFB00)
_SUPPLEMENTARY = range(0x20000, 0x2FA20)  # extensions B to F, and the compatibility supplement
_CONVERTIBLE = range(EXTENSION_A.start, UNIFIED.stop)  # where OpenCC's characters are
_KANA = range(0x3040, 0x3100)
_HANGUL = range(0xAC00, 0xD7B0)

# For use in patterns: f"[{IDEOGRAPHS}]".
UNIFIED_IDEOGRAPHS = _class(UNIFIED)
IDEOGRAPHS = _class(EXTENSION_A, UNIFIED, _COMPATIBILITY)
"""Those of the basic plane."""
INDEXED_BASIC = _class(EXTENSION_A, range(UNIFIED.start, _COMPATIBILITY.stop))
"""What language and terms take for Han: with Yi, Hangul and private use, which lie between. The
compatibility ideographs were once written as beginning at 豈 (U+8C48, for U+F900), and stored
terms and vectors rest on it: mend it together with a new ``TERMS_VERSION``."""
INDEXED = INDEXED_BASIC + _class(_SUPPLEMENTARY)
KANA = _class(_KANA)
KANA_HANGUL = KANA + _class(_HANGUL)
CJK_MARKS_AND_KANA = "\u3001-\u30ff"
NEIGHBOURS = "\u3000-\u9fff\uff00-\uffef"
"""Beside what an ideograph of a text stands, roughly: marks, kana, ideographs, full-width forms."""
FULL_WIDTH = "\uff01-\uff60"
UNSPACED = (
    "\u2e80-\u2fdf\u3100-\u312f\u31a0-\u31ff\ufe30-\ufe4f\uffe0-\uffe6\U00020000-\U0003ffff"
    + CJK_MARKS_AND_KANA
    + IDEOGRAPHS
    + FULL_WIDTH
)
"""Written without spaces between words: radicals, CJK symbols and punctuation, kana, bopomofo,
ideographs with their extensions, and full-width forms. Hangul is written with spaces."""
FIRST_UNSPACED_LETTER = "\u3040"
"""Of two terms, the Chinese one begins with this or what comes after it."""

_FORMS = ("t2s", "s2t", "s2tw", "s2hk")


@lru_cache(maxsize=1)
def simplified_characters() -> Mapping[int, int]:
    """Map Traditional to Simplified, one character to one, for ``str.translate``.

    ``traditional.txt`` is what OpenCC's t2s (Apache-2.0) makes of each character: to ask it at
    every start takes a third of a second.
    """
    table = resources.files("ragapp.text").joinpath("traditional.txt")
    traditional, simplified = table.read_text(encoding="utf-8").split()
    return str.maketrans(traditional, simplified)


@lru_cache(maxsize=1)
def alternative_characters() -> Mapping[str, set[str]]:
    """Map each Chinese character to those that are the same in Simplified writing, itself too."""
    simplified = simplified_characters()
    groups: dict[str, set[str]] = {}
    for code in _CONVERTIBLE:
        simple = chr(simplified.get(code, code))
        groups.setdefault(simple, {simple}).add(chr(code))
    return {character: group for group in groups.values() for character in group}


def is_traditional(text: str) -> bool:
    """Say whether more characters of a text are written in Traditional only than in Simplified."""
    simplified = simplified_characters()
    only_simplified = _only_simplified()
    old = sum(1 for character in text if ord(character) in simplified)
    new = sum(1 for character in text if character in only_simplified)
    return old > new


@lru_cache(maxsize=1)
def _only_simplified() -> frozenset[str]:
    """Return the characters that simplification has made: no Traditional text holds them."""
    from opencc import OpenCC

    convert = OpenCC("s2t").convert
    simple = {chr(code) for code in simplified_characters().values()}
    return frozenset(one for one in simple if convert(one) != one)


def written_forms(text: str) -> set[str]:
    """Return a text in Simplified and in the Traditional of Taiwan, Hong Kong and OpenCC's own.

    Nothing when there is no Chinese in it.
    """
    from opencc import OpenCC

    if not any(ord(character) in _CONVERTIBLE for character in text):
        return set()
    return {OpenCC(form).convert(text) for form in _FORMS}
