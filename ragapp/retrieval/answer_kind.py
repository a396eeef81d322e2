"""What kind of answer a question asks for, and whether a sentence holds one of that kind."""

from __future__ import annotations

import re
from enum import Enum


class AnswerKind(Enum):
    """A number, a time, or a reason; other kinds leave no mark that could be looked for."""

    NUMBER = "number"
    TIME = "time"
    REASON = "reason"


_NUMERAL = r"\d|[一二两三四五六七八九十百千万亿几半][个多余名人次年月日天岁元种条位米里公座家层倍]"
_ENGLISH_NUMERAL = (
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    r"hundreds?|thousands?|millions?|billions?|dozen|half|once|twice|one)\b"
)
_ITEM_NUMBER = re.compile(
    r"^\W*(?:\d{1,3}|[一二三四五六七八九十]{1,3})[.)）、．]|^第.{1,4}[条章节款]"
)
_ASKS = (
    (
        AnswerKind.REASON,
        re.compile(
            r"\bwhy\b|\bwhat (?:caused|causes|is the reason)"
            r"|为什么|為什麼|为何|為何|何以|为啥|原因",
            re.I,
        ),
    ),
    (
        AnswerKind.TIME,
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:year|date|month|day|century|decade|time)\b"
            r"|什么时候|什麼時候|何时|何時|哪一?年|几年|幾年|哪一?天|何年|几月|幾月|几号|几点|幾點"
            r"|哪个月|什么时间|哪个世纪",
            re.I,
        ),
    ),
    (
        AnswerKind.NUMBER,
        re.compile(
            r"\bhow (?:many|much|long|far|old|tall|high|big|large|often|fast|wide|deep)\b"
            r"|\bwhat (?:percentage|percent|number|amount|proportion)\b"
            r"|多少|几[个种次条位名人岁天]|幾[個種次條位名人歲天]|多[长大高远久重宽深快厚]|多[長遠寬]",
            re.I,
        ),
    ),
)
_HOLDS = {
    AnswerKind.NUMBER: re.compile(f"{_NUMERAL}|{_ENGLISH_NUMERAL}", re.I),
    AnswerKind.TIME: re.compile(
        r"\d|[年月日]|世纪|世紀|朝|时期|時期|\b(?:january|february|march|april|may|june|july|august|"
        r"september|october|november|december|century|monday|tuesday|wednesday|thursday|friday|"
        r"saturday|sunday|morning|noon|midnight)\b",
        re.I,
    ),
    AnswerKind.REASON: re.compile(
        r"\b(?:because|since|due to|owing to|so that|in order to|as a result|therefore|thus|caused|"
        r"reasons?|leads? to|led to)\b"
        r"|因为|因為|由于|由於|因此|所以|为了|為了|导致|導致|以便|原因|从而|使得|以致",
        re.I,
    ),
}


def kind_asked_for(question: str) -> AnswerKind | None:
    """Return the kind of answer that a question asks for, None where it does not say."""
    return next((kind for kind, asks in _ASKS if asks.search(question)), None)


def holds(sentence: str, kind: AnswerKind) -> bool:
    """Say whether a sentence holds something of a kind; the number of a list's item is none."""
    return bool(_HOLDS[kind].search(_ITEM_NUMBER.sub("", sentence)))
