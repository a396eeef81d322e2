"""Both languages say the same things, and the right one is chosen."""

from __future__ import annotations

import dataclasses
import re

import pytest

from ragapp.text.language import Language
from ragapp.web.language import choose_interface
from ragapp.words.interface import CHINESE, ENGLISH

BLANK = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(ENGLISH)])
def test_both_languages_fill_the_same_blanks(name: str) -> None:
    english, chinese = getattr(ENGLISH, name), getattr(CHINESE, name)
    assert type(english) is type(chinese)
    if isinstance(english, dict):
        assert english.keys() == chinese.keys()
    assert sorted(BLANK.findall(str(english))) == sorted(BLANK.findall(str(chinese)))
    assert str(chinese).strip()


@pytest.mark.parametrize(
    ("setting", "query", "header", "chosen"),
    [
        ("auto", None, "zh-TW,zh;q=0.9,en;q=0.8", Language.CHINESE),
        ("auto", None, "en-GB,en;q=0.9,zh;q=0.8", Language.ENGLISH),
        ("auto", None, "fr,zh;q=0.4,en;q=0.6", Language.ENGLISH),
        ("auto", None, "fr;q=0.9,zh-Hans", Language.CHINESE),
        ("auto", None, "", Language.ENGLISH),
        ("zh", None, "en", Language.CHINESE),
        ("zh", "en", "zh", Language.ENGLISH),
        ("auto", "xx", "zh;q=nonsense", Language.CHINESE),
    ],
)
def test_query_before_setting_before_browser(
    setting: str, query: str | None, header: str, chosen: Language
) -> None:
    assert choose_interface(setting, query, header) is chosen
