"""The catalogue of errors and notes: a code and values in, sentences in the reader's language out.

``errors/*.toml`` hold a table a code: ``what`` happened, ``why``, and what to do (``fix``), in
English, and the same under ``zh``; ``notes.toml`` one sentence a code and language. Words in
braces are values.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

ENGLISH, CHINESE = "en", "zh"
PARTS = ("what", "why", "fix")


@dataclass(frozen=True, slots=True)
class Sentences:
    """What happened, why, and what to do."""

    what: str
    why: str
    fix: str

    def fields(self) -> frozenset[str]:
        """Return the names of the values that the sentences take."""
        parsed = (string.Formatter().parse(part) for part in (self.what, self.why, self.fix))
        return frozenset(name for part in parsed for _, name, _, _ in part if name)

    def filled(self, values: Mapping[str, object]) -> Sentences:
        """Return the sentences with the values in their places."""
        return Sentences(*(part.format_map(values) for part in (self.what, self.why, self.fix)))


def sentences(code: str, language: str = ENGLISH) -> Sentences:
    """Return the templates of an error; any language but Chinese is English.

    Raises:
        KeyError: there is no error of that code.
    """
    return _catalogue()[code][CHINESE if language == CHINESE else ENGLISH]


def codes() -> frozenset[str]:
    """Return the codes of all errors."""
    return frozenset(_catalogue())


def note_sentence(code: str, values: Mapping[str, object], language: str = ENGLISH) -> str:
    """Return what a note says; any language but Chinese is English.

    Raises:
        KeyError: there is no note of that code.
    """
    return _notes()[code][CHINESE if language == CHINESE else ENGLISH].format_map(values)


def note_codes() -> frozenset[str]:
    """Return the codes of all notes."""
    return frozenset(_notes())


@lru_cache(maxsize=1)
def _notes() -> Mapping[str, Mapping[str, str]]:
    file = resources.files("ragapp.words").joinpath("notes.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, Mapping[str, Sentences]]:
    found: dict[str, Mapping[str, Sentences]] = {}
    for file in sorted(resources.files("ragapp.words").joinpath("errors").iterdir(), key=str):
        for code, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if code in found:
                raise ValueError(f"the error '{code}' stands twice, again in {file.name}")
            found[code] = {
                ENGLISH: Sentences(*(entry[part] for part in PARTS)),
                CHINESE: Sentences(*(entry[CHINESE][part] for part in PARTS)),
            }
    return found
