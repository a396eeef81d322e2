"""Web pages give their own text, without what surrounds it."""

import pytest

from ragapp.documents.readers import Extract
from ragapp.documents.readers.html.reader import read


def parse(html: str) -> Extract:
    return read(html.encode(), "a.html")


def test_scripts_navigation_and_furniture_are_dropped() -> None:
    extract = parse(
        "<html><head><title>T</title><style>p{}</style></head><body>"
        "<header><nav>Menu</nav><h1>Site</h1></header><nav>Home</nav><script>x()</script>"
        "<main><h1>Title</h1><p>Text.</p></main><aside>Ads</aside><footer>© 2024</footer>"
        "<div role='navigation'>Next</div><p hidden>Secret</p><!-- comment --></body></html>"
    )
    assert extract.text == "Title\n\nText."


def test_the_header_of_an_article_is_its_title() -> None:
    assert parse("<article><header><h1>Title</h1></header><p>Text.</p></article>").text == (
        "Title\n\nText."
    )


def test_headings_with_their_places() -> None:
    extract = parse(
        "<h1>一 <small>小</small></h1><p>文</p><h2>二<a class='headerlink'>¶</a></h2><p>字</p>"
    )
    assert [(h.level, h.title) for h in extract.headings] == [(1, "一 小"), (2, "二")]
    for heading in extract.headings:
        assert extract.text[heading.start :].startswith(heading.title)


def test_the_page_title_stands_in_for_a_missing_heading() -> None:
    extract = parse("<title>手册</title><p>正文。</p>")
    assert [(h.level, h.title) for h in extract.headings] == [(1, "手册")]


def test_tables_row_by_row() -> None:
    extract = parse(
        "<table><caption>库存</caption><tr><th>名称<th>数量</tr>"
        "<tr><td>纸\n张</td><td>3<br>包</td></tr><tr><td></td><td> </td></tr></table>"
    )
    assert extract.text == "库存\n\n名称: 纸张 | 数量: 3 包"


def test_a_table_for_layout_is_read_as_text() -> None:
    extract = parse("<table><tr><td><h1>Title</h1><p>Left.</p></td><td>Right.</td></tr></table>")
    assert extract.text == "Title\n\nLeft.\n\nRight."
    assert extract.headings[0].title == "Title"


def test_lists_keep_their_marks_and_depth() -> None:
    extract = parse(
        "<p>Steps</p><ol><li>one<li><p>two</p><ul><li>inner</ul></ol>"
        "<ol start=7><li>seven</ol><p>End"
    )
    assert extract.text == "Steps\n\n1. one\n2. two\n  - inner\n\n7. seven\n\nEnd"


def test_line_breaks_code_and_pictures() -> None:
    extract = parse("<p>one<br>two <img alt='a fox'></p><pre>def f():\n    return 1\n</pre>")
    assert extract.text == "one\ntwo a fox\n\ndef f():\n    return 1"


def test_white_space_collapses_and_wrapped_chinese_gets_none() -> None:
    assert parse("<p>The  quick\n  fox</p><p>员工每年\n  享有年假</p>").text == (
        "The quick fox\n\n员工每年享有年假"
    )


def test_readings_above_characters_are_left_out() -> None:
    assert parse("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>").text == "漢字"


@pytest.mark.parametrize(
    ("encoding", "meta"),
    [
        ("gbk", '<meta charset="gb2312">'),
        ("big5", '<meta http-equiv="Content-Type" content="text/html; charset=big5">'),
        ("gb18030", ""),
        ("big5", ""),
        ("utf-8-sig", '<meta charset="gbk">'),
        ("utf-8", '<meta charset="no-such-thing">'),
        ("utf-16", ""),
    ],
)
def test_encodings(encoding: str, meta: str) -> None:
    text = "本公司員工每年享有十天帶薪年假，請於前三日提出申請。"
    data = f"<html><head>{meta}</head><body><p>{text}</p></body></html>".encode(encoding)
    assert read(data, "a.html").text == text


def test_an_xml_declaration_does_no_harm() -> None:
    assert (
        parse('<?xml version="1.0" encoding="UTF-8"?><html><body><p>文</p></body></html>').text
        == "文"
    )


def test_deep_nesting_does_not_overflow_the_stack() -> None:
    assert parse("<div>" * 200 + "deep").text == "deep"
    parse("<div>" * 20_000)  # libxml2 stops at its own depth, we at none
