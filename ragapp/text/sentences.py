"""Text → sentence spans, for Chinese and English and both in one line.

A line is a unit of its own (a paragraph, heading, list item, table row) unless it was only
wrapped; within a unit a sentence ends after its mark and the closing quotes that follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ragapp.text.chinese import CJK_MARKS_AND_KANA, FULL_WIDTH, IDEOGRAPHS, KANA
from ragapp.types import Span

LONGEST_SENTENCE = 400  # characters; beyond it there is no sentence but a dump, to be cut anywhere
WRAP_COLUMNS = (48, 132)  # widths to which hard-wrapped text is set, a Chinese character counts 2

_CLOSERS = "」』”’\"'）)】》〉〕］]｝}"
_END = re.compile(rf"(?:[。！？!?；｡…]+|[.．]+)[{re.escape(_CLOSERS)}]*")
_CJK = re.compile(f"[{CJK_MARKS_AND_KANA}{IDEOGRAPHS}{FULL_WIDTH}“”‘’—]")
_IDEOGRAPH_BEFORE = re.compile(f"[{KANA}{IDEOGRAPHS}）」』”》】]")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘（「《,，。;；:：]*$")
_NEXT_WORD = re.compile(r"[\s(\[\"'“‘（「《*_`]{0,20}([^\W_]{0,20})")
_CONTINUES = re.compile(
    "[，、；：。！？,;:…)）」』”》】]"
)  # after an ellipsis the sentence goes on
_LIST_MARK = re.compile(
    r"\s*(?:[-*+•·●○■□◆‣▪–—#>|]|[①-⑳]|第[0-9一二三四五六七八九十百千〇零]+[章节節条條款]|[(（]?"
    r"(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})[.)）、．])"
)
# The number before an item or a title, with its word: "3.", "2.1.", "Table 4.", "表 3.1."
_UNIT_NUMBER = re.compile(
    r"\s*(?:[-*+•]\s*)?[(（]?"
    r"(?:(?:[^\W\d_]{1,12}\s*)?\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,5})[.．]"
)
_SOFT_CUT = re.compile(r"[，、,;:：|]\s*|\s+")
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60]"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Never the end of a sentence: a name, number or reference follows.
_ABBREVIATIONS = _words(
    "e.g i.e eg ie dr mr mrs ms prof rev hon gen col capt lt sgt st mt fig figs eq eqs sec sect ch "
    "chap vol vols pp ref refs ed eds tab no nos nr art vs cf viz approx ca ver rel resp incl excl "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
# Ends a sentence now and then: only when the next word is one that sentences begin with.
_ABBREVIATIONS_THAT_END = _words(
    "etc al inc ltd co corp jr sr a.m p.m b.c a.d ph.d m.d b.a m.a dept est u.s u.k u.n e.u d.c"
)
_NUMBERED = _words("no nos nr p pp fig figs eq eqs sec art vol ch")  # "No." before a number
_ENGLISH_WORDS_THAT_END = _words("no art mar sec est")  # words as well as abbreviations
_STARTERS = _words(
    "The A An This That These Those It He She They We You I In On At As If When While After Before "
    "But And Or So However Although For From To By With There Here What Why How Who Our Its His "
    "Her Their My Your One Some Many Most All Both Each No Not Then Thus See Since During Under"
)


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Return the sentences of ``text[start:end]`` in order, as offsets into ``text``.

    Spans carry no white space at their ends, are never empty, do not overlap, and cover every
    character that is not white space. Takes time linear in the length.
    """
    spans: list[Span] = []
    for unit_start, unit_end in _units(text, start, len(text) if end is None else end):
        begin = unit_start
        for cut in _sentence_ends(text, unit_start, unit_end):
            spans.extend(_pieces(text, begin, cut))
            begin = cut
        spans.extend(_pieces(text, begin, unit_end))
    return spans


def _units(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the lines, those wrapped by hand put together."""
    block: list[tuple[int, int]] = []
    for line_start, line_end in _lines(text, start, end):
        if text[line_start:line_end].isspace() or line_start == line_end:
            yield from _unwrapped(text, block)
            block = []
        else:
            block.append((line_start, line_end))
    yield from _unwrapped(text, block)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        newline = text.find("\n", start, end)
        line_end = end if newline < 0 else newline
        yield start, line_end
        start = line_end + 1


def _unwrapped(text: str, block: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join neighbouring lines of a block where the next word would not have fitted on the line."""
    if len(block) < 2:
        yield from block
        return
    widths = [_columns(text[start:end]) for start, end in block]
    widest = max(widths)
    joinable = WRAP_COLUMNS[0] <= widest <= WRAP_COLUMNS[1]
    unit_start = block[0][0]
    for index, ((left, left_end), (right, right_end)) in enumerate(pairwise(block)):
        next_word = _columns(
            re.split(r"\s", text[right : min(right_end, right + 40)].strip(), maxsplit=1)[0]
        )
        if _CJK.match(text[right:right_end].lstrip()):
            next_word = 6  # a character, and marks that must not begin a line
        deeper = _indentation(text, right) > _indentation(text, left)
        set_in = deeper and not _LIST_MARK.match(text, unit_start, left_end)  # code, or a paragraph
        wrapped = joinable and not set_in and widths[index] + 1 + next_word > widest - 2
        if not wrapped or " | " in text[left:left_end] or _LIST_MARK.match(text, right, right_end):
            yield unit_start, left_end
            unit_start = right
    yield unit_start, block[-1][1]


def _indentation(text: str, line_start: int) -> int:
    position = line_start
    while position < len(text) and text[position] in " \t\u3000\xa0":
        position += 1
    return position - line_start


def _columns(text: str) -> int:
    return len(text) + len(_WIDE.findall(text))


def _sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    number = _UNIT_NUMBER.match(text, start, end)
    for match in _END.finditer(text, number.end() if number else start, end):
        if match.end() < end and _ends_sentence(text, match, start, end):
            yield match.end()


def _ends_sentence(text: str, match: re.Match[str], start: int, end: int) -> bool:
    marks = match[0].rstrip(_CLOSERS)
    after = text[match.end()]
    if marks in (".", "．"):
        return _period_ends(text, match, start, end)
    if not marks.strip(".．…"):  # an ellipsis
        word = _next_word(text, match.end(), end)
        # in a table of contents, "..." stands before the page number
        goes_on = _CONTINUES.match(after) or word[:1].islower() or word.isdecimal()
        return not goes_on and (marks[0] == "…" or after.isspace() or bool(_CJK.match(after)))
    if not marks.strip("!?"):
        if _CJK.match(after):
            return True
        return after.isspace() and not _next_word(text, match.end(), end)[:1].islower()
    # “好！”的声音 goes on
    return not (len(marks) < len(match[0]) and after in "，、的等和与與及或")


def _next_word(text: str, start: int, end: int) -> str:
    following = _NEXT_WORD.match(text, start, end)
    return following[1] if following else ""


def _period_ends(text: str, match: re.Match[str], start: int, end: int) -> bool:
    after = text[match.end()]
    before = text[match.start() - 1] if match.start() > start else " "
    if not after.isspace():
        # Chinese set with Latin periods: 第一句.第二句
        return bool(_CJK.match(after)) and bool(_IDEOGRAPH_BEFORE.match(before))
    word = _next_word(text, match.end(), end)
    if word[:1].islower() or before.isspace():  # " . . . ": the dots of a table of contents
        return False
    last = _LAST_WORD.search(text, max(start, match.start() - 30), match.start())
    token = last[0] if last else ""
    lowered = token.lower()
    if lowered in _NUMBERED and word[:1].isdigit():
        return False
    if lowered in _ENGLISH_WORDS_THAT_END:
        return True
    if lowered in _ABBREVIATIONS:
        return False
    if lowered in _ABBREVIATIONS_THAT_END or (len(token) == 1 and token.isupper()):
        return word in _STARTERS or bool(_CJK.match(word))
    return True


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield one trimmed span, or several when it is longer than any sentence."""
    while end - start > LONGEST_SENTENCE:
        window_end = start + LONGEST_SENTENCE
        cut = window_end
        for match in _SOFT_CUT.finditer(text, start + LONGEST_SENTENCE // 2, window_end):
            cut = match.end()
        yield from _trimmed(text, start, cut)
        start = cut
    yield from _trimmed(text, start, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    if start < end:
        yield Span(start, end)
