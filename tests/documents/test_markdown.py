"""Markdown is read as a person reads the page made from it."""

import pytest

from ragapp.documents.readers import Extract
from ragapp.documents.readers.markdown.reader import read


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
    assert parse(text).text == "See the manual (http://x.org) and a red fox, not rm -rf.\nBye."


def test_lists_keep_their_marks_and_depth() -> None:
    text = "Steps:\n\n1. one\n2. two\n   - inner\n\n     more\n3. three\n\nEnd."
    assert parse(text).text == ("Steps:\n\n1. one\n2. two\n  - inner\n    more\n3. three\n\nEnd.")


def test_tables_row_by_row() -> None:
    text = "| 名称 | 数量 |\n|---|---:|\n| 纸 | 3 |\n| **笔** | 5 |\n"
    assert parse(text).text == "名称: 纸 | 数量: 3\n名称: 笔 | 数量: 5"


def test_code_is_kept_as_it_is() -> None:
    text = "```python\ndef f():\n    return '# no heading'\n```\n"
    extract = parse(text)
    assert extract.text == "def f():\n    return '# no heading'"
    assert extract.headings == ()


def test_front_matter_is_metadata_and_comments_are_skipped() -> None:
    text = (
        "---\ntitle: x\ntags: [a, b]\nauthors:\n  - 王敏\n  - 'Lee'\nempty:\n---\n\n"
        "<!-- note\nto self -->\n\n# Title\n\nText &amp; more."
    )
    assert parse(text).text == ("title: x\ntags: a, b\nauthors: 王敏, Lee\n\nTitle\n\nText & more.")


def test_the_title_of_the_front_matter_is_the_documents_where_there_is_no_other() -> None:
    extract = parse("---\ntitle: 差旅制度\n---\n\n正文。")
    assert extract.text == "差旅制度\n\n正文。"
    assert [(h.level, h.title) for h in extract.headings] == [(1, "差旅制度")]


def test_footnotes_follow_what_refers_to_them() -> None:
    text = (
        "保修三年[^1]。\n\n另有说明[^b]。\n\n"
        "[^1]:自验收之日起算。\n[^b]: See\n  annex B.\n[^c]: 无处引用。"
    )
    assert parse(text).text == (
        "保修三年[^1]。\n\n[^1]: 自验收之日起算。\n\n另有说明[^b]。\n\n[^b]: See annex B.\n\n"
        "[^c]: 无处引用。"
    )


def test_a_footnote_in_code_is_code() -> None:
    assert parse("```\n[^1]: x\n```\n\n[^1]: 注").text == "[^1]: x\n\n[^1]: 注"


def test_html_tables_are_read_row_by_row() -> None:
    text = (
        "前。\n\n<table><tr><td>点</td><td>pH</td><td>氮</td></tr>\n\n"
        "<tr><td>东湖</td><td>7.2</td><td>0.3</td></tr></table>\n\n后。"
    )
    extract = parse(text)
    assert extract.text == "前。\n\n点: 东湖 | pH: 7.2 | 氮: 0.3\n\n后。"
    assert len(extract.blocks) == 1


def test_links_of_every_kind_say_where_they_lead() -> None:
    text = "[a\nb](https://x.org/1), <https://x.org/2>, [c][r], [d](#part), [e](f.md)\n\n[r]: https://x.org/3"
    assert parse(text).text == ("a b (https://x.org/1), https://x.org/2, c (https://x.org/3), d, e")


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
