"""Bytes → text: which encoding makes the bytes the most probable text?

Valid UTF-8 and byte order marks decide at once. Otherwise every candidate decodes the bytes
strictly, and the characters it yields are scored by their probability in a small model of text:
the GB2312 and Big5 standards both sort their characters into a first level in common use and a
second of rare ones, so the right decoding stays within the first level and a wrong one scatters.
Kana, Hangul and Cyrillic are told by letters that make up half of a text in them, and Cyrillic by
being mostly small letters, which its two encodings have where the other has capitals.
"""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from ragapp.errors import BrokenDocument
from ragapp.text.chinese import EXTENSION_A, KANA, NEIGHBOURS, UNIFIED, UNIFIED_IDEOGRAPHS

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNMARKED = (
    "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "cp950", "cp932", "euc_jp", "cp949",
    "cp1251", "koi8-r", "cp1252",
)  # fmt: skip
LESS_LIKELY = frozenset(("cp932", "euc_jp", "cp949", "cp1251", "koi8-r"))
CHINESE = frozenset(("gb18030", "big5hkscs", "cp950"))
SELDOM = 6.0  # in log-probability: files of this app's readers are Chinese or English, mostly
SAMPLE_BYTES = 32_768  # even, and plenty: 20 characters of Chinese decide right in 99.9 %
LEAST_PLAUSIBLE = -9.0  # mean log-probability a byte; random bytes score below, text above
DAMAGE_TOLERATED = 0.002  # share of characters that may be undecodable in a file that is kept
MOST_CONTROL = 0.02  # share of control characters; in binary files it is a tenth and more
UTF8_SURE = 3  # well-formed sequences for each damaged one; other encodings form one by chance
LONE_PENALTY = 6.0  # in log-probability; weighs nothing against a line of Chinese

# Some of the most frequent words and syllables, for texts of a few dozen bytes.
FREQUENT = frozenset(
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而"
    "子那得于於着著下自之年过過发發后後作里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當"
    "没沒动動面起看定天分还還进進好小部其些主样樣理心她本前开開但因只从從想日者意无無民年月日与與及由"
    "或被把将將第二三四五六七八九十两兩全高新长長问問题題文件公司工系统統"
)
FREQUENT_HANGUL = frozenset(
    "다이는가을의에고를은하기도지로한사나자어리서시인아그해대일게정있수부만전것과주상들관보장세생제원업성회"
    "국용화문공동적여라물니습합데면소구무경안으년월연유금조미운신모든마까스내비계여열침받각직매됩된"
)
_KANA = re.compile(f"[{KANA}]")
_REPLACED = re.compile("\ufffd+")
_MIXED_SCRIPTS = re.compile(
    r"(?<=[A-Za-z])[\u0400-\u04ff]|[\u0400-\u04ff](?=[A-Za-z])"
    rf"|(?<=[\uac00-\ud7a3])[{UNIFIED_IDEOGRAPHS}]|[{UNIFIED_IDEOGRAPHS}](?=[\uac00-\ud7a3])"
)
_LONE_IDEOGRAPH = re.compile(f"(?<![{NEIGHBOURS}])[{UNIFIED_IDEOGRAPHS}](?![{NEIGHBOURS}])")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the name of the encoding that gave it, and how many characters were unreadable."""

    text: str
    encoding: str
    damaged: int = 0


def decode(data: bytes, name: str) -> Decoded:
    """Return the text in ``data``: UTF-8 or 16, or an old encoding of China, Japan, Korea, Russia
    or Western Europe.

    Raises:
        BrokenDocument: the bytes are no text in any of these.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_marked(data, encoding, name)
    utf8 = _as_utf8(data)
    if utf8 is not None:
        return _checked(utf8, name)
    return _checked(_most_plausible(data, name), name)


def _as_utf8(data: bytes) -> Decoded | None:
    """Decode UTF-8: plain ASCII, or characters of several bytes that outnumber damage by far."""
    text = data.decode("utf-8", errors="replace")
    damaged = len(_REPLACED.findall(text))
    zeros = text.count("\0")  # in UTF-16, every other byte of Latin text
    if not damaged and not zeros:
        return Decoded(text, "utf-8")
    multibyte = sum(1 for character in text if character > "\x7f" and character != "\ufffd")
    sure = multibyte > UTF8_SURE * (damaged + zeros)
    return Decoded(text, "utf-8", damaged) if sure else None


def _decode_marked(data: bytes, encoding: str, name: str) -> Decoded:
    text = _strictly(data, encoding)
    decoded = Decoded(text, encoding) if text is not None else _with_damage(data, encoding)
    if decoded is None:
        raise _not_text(name)
    return _checked(decoded, name)


def _most_plausible(data: bytes, name: str) -> Decoded:
    sample = data[:SAMPLE_BYTES]
    scores: dict[str, float] = {}
    for encoding in UNMARKED:
        text = _sample_text(sample, encoding, whole=len(data) <= SAMPLE_BYTES)
        if text:
            against = SELDOM if encoding in LESS_LIKELY else 0.0
            if encoding in CHINESE:  # they have kana, too, but those who write kana have their own
                against += len(_KANA.findall(text))
            scores[encoding] = (_log_probability(text) - against) / len(sample)
    for encoding in sorted(scores, key=lambda candidate: -scores[candidate]):
        if scores[encoding] < LEAST_PLAUSIBLE:
            break
        text = _strictly(data, encoding)
        decoded = Decoded(text, encoding) if text is not None else _with_damage(data, encoding)
        if decoded is not None:
            return decoded
    raise _not_text(name)


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _sample_text(sample: bytes, encoding: str, *, whole: bool) -> str | None:
    """Decode the beginning of a file, whose last character may be cut off."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(sample, whole)
    except UnicodeDecodeError:
        return None


def _with_damage(data: bytes, encoding: str) -> Decoded | None:
    """Decode a file with a few unreadable characters; None when they are more than a few."""
    text = data.decode(encoding, errors="replace")
    damaged = len(_REPLACED.findall(text))
    if "\0" in text or damaged > max(1, DAMAGE_TOLERATED * len(text)) or damaged * 20 > len(text):
        return None
    return Decoded(text, encoding, damaged)


def _checked(decoded: Decoded, name: str) -> Decoded:
    sample = decoded.text[:SAMPLE_BYTES]
    control = sum(
        1 for character in sample if character < " " and character not in "\t\n\r\f\v\x1b"
    )
    if control > max(2, MOST_CONTROL * len(sample)):
        raise _not_text(name)
    return decoded


def _not_text(name: str) -> BrokenDocument:
    return BrokenDocument("text_in_unknown_encoding", name=name)


def _log_probability(text: str) -> float:
    score = sum(map(_character_log_probability, text))
    # An ideograph alone among Latin letters may be an accented letter read in the wrong encoding,
    # and no word mixes its letters with those of another script.
    return score - LONE_PENALTY * (
        len(_LONE_IDEOGRAPH.findall(text)) + len(_MIXED_SCRIPTS.findall(text))
    )


@lru_cache(maxsize=1 << 16)
def _character_log_probability(character: str) -> float:
    """Return the natural log of a character's share of ordinary text."""
    code = ord(character)
    if character in "\n\r\t" or 0x20 <= code < 0x7F:
        return math.log(0.25 / 60)
    if character in FREQUENT or character in FREQUENT_HANGUL:
        return math.log(0.25 / 160)
    if character in "，。、：；！？“”‘’（）《》「」『』—…·　":
        return math.log(0.1 / 20)
    if code in UNIFIED:
        return math.log(0.35 / 5000) if _in_first_level(character) else math.log(0.01 / 16000)
    for first, last, share in _SHARES:
        if first <= code <= last:
            return math.log(share)
    if code in EXTENSION_A or code >= 0x20000 or 0x2313 <= code <= 0x2FFF:
        return math.log(0.0005 / 70000)
    return math.log(1e-9)  # control characters, private use, other scripts


# Ranges of code points, and the share of ordinary text of each character in them.
_SHARES = (
    (0x3041, 0x3093, 0.05 / 60),  # hiragana
    (0x30A1, 0x30FC, 0.015 / 80),  # katakana
    (0x0430, 0x044F, 0.02 / 32),  # small Cyrillic letters
    (0x0451, 0x0451, 0.0001),
    (0x0410, 0x042F, 0.001 / 32),
    (0xAC00, 0xD7A3, 0.05 / 2350),
    (0xFF01, 0xFF5E, 0.005 / 160),
    (0x3000, 0x303F, 0.005 / 160),
    (0x00DF, 0x00F6, 0.008 / 40),  # small accented letters of Western Europe
    (0x00F8, 0x00FF, 0.008 / 40),
    (0x00A0, 0x024F, 0.002 / 400),
    (0x2010, 0x2312, 0.002 / 400),
    (0x0370, 0x04FF, 0.0005 / 12000),
    (0x3040, 0x30FF, 0.0005 / 12000),
)


def _in_first_level(character: str) -> bool:
    """Say whether GB2312 or Big5 counts the ideograph among those in common use."""
    try:
        lead = character.encode("gb2312")[0]
        if lead <= 0xD7:  # rows 16 to 55
            return True
    except UnicodeEncodeError:
        pass
    try:
        return character.encode("big5")[0] <= 0xC6  # the 5,401 of plane 1
    except UnicodeEncodeError:
        return False
