"""Which language a page is in."""

from __future__ import annotations

import re

from ragapp.text.language import Language


def choose_interface(setting: str, query: str | None, accept_language: str) -> Language:
    """Choose the language: ``?lang=`` before the setting before what the browser asks for.

    accept_language: the header, such as ``zh-TW,zh;q=0.9,en;q=0.8``.
    """
    for wish in (query, setting):
        if wish in set(Language):
            return Language(wish)
    wishes = []
    for place, part in enumerate(accept_language.split(",")):
        language, _, quality = part.strip().partition(";q=")
        if re.match(r"(zh|en)\b", language, re.IGNORECASE):
            weight = float(quality) if re.fullmatch(r"[01](\.\d+)?", quality) else 1.0
            wishes.append((-weight, place, language[:2].lower()))
    return Language(min(wishes)[2]) if wishes else Language.ENGLISH
