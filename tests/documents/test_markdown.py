"""Markdown is read as a person reads the page made from it."""

import pytest

from ragapp.documents.readers import Extract
from ragapp.documents.readers.markdown import read


def parse(text: str) -> Extract:
    return read(text.encode(), "a.md")


def test_headings_with_their_places() -> None:
    extract = parse("# 手册\n\n前言。\n\n安装\n----\n\n正文。\n\n### A `code` *title* #\n")
    assert [(h.level, h.title) for h in extract.headings] == [
        (1, "手册"),
        (2, "安装"),
        (3, "A code title"),
    ]
    for heading in extract.headings:
        assert extract.text[heading.start :].startswith(heading.title)


def test_a_wrapped_paragraph_becomes_one_line() -> None:
    assert parse("The quick\nbrown fox.\n\n员工每年享有\n十天年假。").text == (
        "The quick brown fox.\n\n员工每年享有十天年假。"
    )


def test_marks_go_and_words_stay() -> None:
    text = "See **the** [manual](http://x.org) and ![a red fox](fox.png), ~~not~~ `rm -rf`.<br>Bye."
    assert parse(text).text == "See the manual and a red fox, not rm -rf.\nBye."


def test_lists_keep_their_marks_and_depth() -> None:
    text = "Steps:\n\n1. one\n2. two\n   - inner\n\n     more\n3. three\n\nEnd."
    assert parse(text).text == ("Steps:\n\n1. one\n2. two\n  - inner\n    more\n3. three\n\nEnd.")


def test_tables_row_by_row() -> None:
    text = "| 名称 | 数量 |\n|---|---:|\n| 纸 | 3 |\n| **笔** | 5 |\n"
    assert parse(text).text == "名称 | 数量\n纸 | 3\n笔 | 5"


def test_code_is_kept_as_it_is() -> None:
    text = "```python\ndef f():\n    return '# no heading'\n```\n"
    extract = parse(text)
    assert extract.text == "def f():\n    return '# no heading'"
    assert extract.headings == ()


def test_front_matter_and_comments_are_skipped() -> None:
    text = "---\ntitle: x\ntags: [a]\n---\n\n<!-- note\nto self -->\n\n# Title\n\nText &amp; more."
    assert parse(text).text == "Title\n\nText & more."


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert parse("---\n\nText without an end mark").text == "Text without an end mark"


def test_html_blocks_give_their_text() -> None:
    assert parse('<div align="center">\n<b>Bold</b> &lt;text&gt;\n</div>').text == "Bold <text>"


def test_other_encodings_are_read() -> None:
    text = "# 员工手册\n\n公司员工每年享有十天带薪年假。"
    assert read(text.encode("gb18030"), "a.md").headings[0].title == "员工手册"


@pytest.mark.parametrize("depth", [12, 40, 60, 500])
@pytest.mark.parametrize("mark", ["* ", "> ", "1. "])
def test_what_is_deep_and_what_follows_it_is_read(mark: str, depth: int) -> None:
    text = parse(f"Before.\n\n{mark * depth}walnut\n\n\nAfter it.\n").text
    assert text.startswith("Before.")
    assert "walnut" in text
    assert text.endswith("After it.")
