"""Every error that is raised stands in the catalogue, in both languages, with the same values."""

import ast
import re
from pathlib import Path

import pytest

import ragapp
from ragapp import errors
from ragapp.words.catalogue import (
    CHINESE,
    ENGLISH,
    codes,
    note_codes,
    note_sentence,
    sentences,
)

ROOT = Path(ragapp.__file__).parent
HAN = re.compile(r"[一-鿿]")
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.RagappError)
}


def made():
    """Yield every place where an error is made: file, line, arguments."""
    for path in sorted(ROOT.rglob("*.py")):
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            if name in ERRORS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


PLACES = list(made())


@pytest.mark.parametrize(("where", "call"), PLACES, ids=[where for where, _ in PLACES])
def test_an_error_is_made_of_a_code_and_the_values_it_takes(where, call):
    [code] = call.args
    given = {keyword.arg for keyword in call.keywords}
    branches = [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]
    for branch in branches:
        assert isinstance(branch, ast.Constant), "a code is written where the error is made"
        assert None in given or sentences(branch.value).fields() <= given


def test_no_sentence_is_left_that_nothing_says():
    said = {node.value for path in ROOT.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    assert codes() <= said


@pytest.mark.parametrize("code", sorted(codes()))
def test_both_languages_say_the_same_values(code):
    english, chinese = sentences(code), sentences(code, CHINESE)
    assert english.fields() == chinese.fields()
    for part in ("what", "why", "fix"):
        assert getattr(english, part).strip()
        assert getattr(chinese, part).strip()
    assert HAN.search(chinese.fix)
    assert not HAN.search(english.fix)


def test_an_error_is_said_in_the_language_of_the_reader():
    error = errors.EngineError("unforeseen", error="x")
    assert error.line() == str(error)
    assert HAN.search(error.line("zh"))
    nested = errors.EngineError("unforeseen", error=error)
    assert error.line("zh") in nested.line("zh")
    several = errors.EngineError("unforeseen", error={"a": error, "b": error})
    for language, between in (("en", "a: {0}; b: {0}"), ("zh", "a：{0}；b：{0}")):
        assert between.format(error.reason(language)) in several.line(language)


def test_every_note_that_is_made_stands_in_the_catalogue_and_every_other_one_is_gone():
    made_of = set()
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Note":
                made_of |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
    assert made_of == note_codes()


class _Names(dict):
    """Leave the words in braces as they are."""

    def __missing__(self, name):
        return "{" + name + "}"


@pytest.mark.parametrize("code", sorted(note_codes()))
def test_both_languages_of_a_note_say_the_same_values(code):
    english, chinese = (note_sentence(code, _Names(), language) for language in (ENGLISH, CHINESE))
    assert HAN.search(chinese) or english == chinese
    assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))
