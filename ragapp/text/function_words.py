"""Words of a question that ask, but say nothing of what is asked for: they carry no weight."""

from __future__ import annotations

import re

from ragapp.text.chinese import FIRST_UNSPACED_LETTER
from ragapp.text.terms import fold, stem, terms

_ENGLISH = """
a an the this that these those such
is are was were be been being am do does did doing done has have had having
can could will would shall should may might must
i me my mine we us our you your he him his she her it its they them their who whom whose
what which when where why how there here
of in on at to for from by with about into onto than as if then so and or but
any some all every each many much please
"""
ENGLISH = frozenset(_ENGLISH.split()) | {"s", "t", "re", "ll", "ve", "d", "m"}
"""The letters are what an apostrophe leaves: it's, don't, they're."""

_ASKING = re.compile(
    "什么时候|什么地方|为什么|怎么样|怎么办|是不是|有没有|能不能|可不可以|会不会|要不要|是多少|有多少|"
    "多少|什么|甚么|哪里|哪儿|哪个|哪些|哪种|哪一|怎么|怎样|如何|为何|为啥|是否|几个|几种|几条|几次|几天|"
    "请问|请告诉我|告诉我|请列出|列出|一下|所有的?|全部的?|哪|谁|几|吗|呢|吧|啊|呀"
)
_CHINESE = frozenset(
    "的了着过地得是在有和与及或也都就还又把被对从到向以于由为给让使会能可要想应该将之其而且但如若则"
    "我你您他她它们这那个些么很最更请问吗呢吧啊呀"
)
_LEADING = re.compile(
    r"^\W*(?:please\s+)?(?:(?:can|could) you\s+)?"
    r"(?:(?:list|quote|show|tell|give|name|explain|describe)(?:\s+me)?)\b"
)
_HOW = re.compile(
    r"\bhow (?:long|often|soon|far) (?=(?:should|do|does|did|will|can|has|have|must)\b)"
)
_STEMS = frozenset(stem(word) for word in ENGLISH)


def question_terms(question: str) -> list[str]:
    """Return the terms of a question without those that only ask, repeats kept.

    A question of nothing but such words ("Who is it?") keeps them all.
    """
    folded = fold(question)
    said = _ASKING.sub(" ", _HOW.sub(" ", _LEADING.sub(" ", folded)))
    kept = [term for term in terms(said) if not _is_function(term)]
    return kept or terms(folded)


def _is_function(term: str) -> bool:
    if term[0] >= FIRST_UNSPACED_LETTER:
        return all(letter in _CHINESE for letter in term)
    return term in ENGLISH or term in _STEMS
