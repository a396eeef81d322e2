"""Which characters are Chinese, and how Traditional and Simplified writing go together."""

import re
from pathlib import Path

import pytest

import ragapp
from ragapp.text.chinese import (
    IDEOGRAPHS,
    INDEXED,
    KANA_HANGUL,
    UNSPACED,
    alternative_characters,
    simplified_characters,
    written_forms,
)


@pytest.mark.parametrize(
    ("characters", "ideographs", "indexed", "unspaced"),
    [
        ("㐀䶿一鿿\uf900\ufaff", True, True, True),
        ("\U00020000𠮷", False, True, True),
        ("。、〇ぁヿ！～", False, False, True),
        ("aé ,.“”—", False, False, False),
    ],
)
def test_classes_for_patterns(
    characters: str, ideographs: bool, indexed: bool, unspaced: bool
) -> None:
    for character in characters:
        assert bool(re.match(f"[{IDEOGRAPHS}]", character)) is ideographs
        assert bool(re.match(f"[{INDEXED}]", character)) is indexed
        assert bool(re.match(f"[{UNSPACED}]", character)) is unspaced


def test_hangul_is_written_with_spaces() -> None:
    assert re.match(f"[{KANA_HANGUL}]", "한")
    assert not re.match(f"[{UNSPACED}]", "한")


def test_traditional_becomes_simplified_character_by_character() -> None:
    assert "繁體中文檢索 ABC".translate(simplified_characters()) == "繁体中文检索 ABC"


def test_alternatives_are_the_same_in_simplified_writing() -> None:
    alternatives = alternative_characters()
    assert alternatives["发"] == alternatives["發"] == {"发", "發", "髮"}
    assert alternatives["中"] == {"中"}
    assert "a" not in alternatives


def test_a_word_in_every_writing() -> None:
    assert {"据说", "據說"} <= written_forms("据说") & written_forms("據說")
    assert written_forms("word, 123") == set()


def test_nobody_else_writes_blocks_or_asks_opencc() -> None:
    root = Path(ragapp.__file__).parent
    others = [path for path in root.rglob("*.py") if path.name != "chinese.py"]
    written = re.compile(r"import OpenCC|㐀|一-鿿|\\u4e00|\\u9fff|\\u3400|0x4E00|0x3400", re.I)
    assert not [path for path in others if written.search(path.read_text(encoding="utf-8"))]
