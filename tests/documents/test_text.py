"""Plain text keeps its characters; only headings that are sure are taken for headings."""

import pytest

from ragapp.documents.readers import compose
from ragapp.documents.readers.text import read
from ragapp.types import Note


def headings(text: str) -> list[tuple[int, str]]:
    extract = read(text.encode(), "a.txt")
    for heading in extract.headings:
        assert extract.text[heading.start :].lstrip("# ").startswith(heading.title)
    return [(heading.level, heading.title) for heading in extract.headings]


def test_line_ends_controls_and_blank_lines_are_made_regular() -> None:
    data = "一\r\n二\r三\x00\x07\n\n\n\n四  \n\ufeff五\n".encode()
    assert read(data, "a.txt").text == "一\n二\n三\n\n四\n五"


def test_every_other_character_stays() -> None:
    text = "ＡＢＣ　１２３①ﬁ㎏“引”『號』𠮷é"
    assert read(text.encode(), "a.txt").text == text


def test_chapters_and_sections() -> None:
    text = "第一章 总则\n\n第一节　适用范围\n\n本办法适用于全体员工。\n\n第2章：附则\n\n略。"
    assert headings(text) == [(2, "第一章 总则"), (3, "第一节　适用范围"), (2, "第2章：附则")]
    assert headings("Chapter 3. Networks\n\nText.") == [(2, "Chapter 3. Networks")]


def test_marked_headings() -> None:
    assert headings("# 手册\n\n## 安装 ##\n\n正文") == [(1, "手册"), (2, "安装")]


@pytest.mark.parametrize(
    "text",
    [
        "第一章规定了适用范围，第二章规定了程序。",
        "$ sudo ls\n# comment in a script\nls",
        "#hashtag",
        "Chapter 3 was the best part of the book, and everybody in the village agreed.",
    ],
)
def test_sentences_and_comments_are_no_headings(text: str) -> None:
    assert headings(text) == []


def test_damage_is_noted() -> None:
    data = bytearray("一二三四五六七八九十".encode() * 60)
    data[90] = 0xFF
    (note,) = read(bytes(data), "a.txt").notes
    assert note == Note("characters_replaced", {"count": 1})


def test_a_large_text_is_cleaned_as_a_small_one_is(monkeypatch):
    text = "".join(f"line {n}{' ' * (n % 3)}\r\n{chr(10) * (n % 5)}" for n in range(500)) + "end  "
    whole = compose.clean(text)
    for piece in (1, 7, 100, 5000):
        monkeypatch.setattr(compose, "PIECE", piece)
        assert compose.clean(text) == whole
    assert compose.clean("") == ""
    assert compose.clean("a \n") == "a\n"
