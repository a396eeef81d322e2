"""EPUB and notebooks: texts made of other texts."""

import json

from ragapp.documents.readers import epub, notebook

from .samples import zip_of

CONTAINER = "<container><rootfiles><rootfile full-path='b/book.opf'/></rootfiles></container>"


def book(chapters: dict[str, str], spine: str) -> bytes:
    items = "".join(f"<item id='{name}' href='{name}%20x.xhtml'/>" for name in chapters)
    refs = "".join(f"<itemref idref='{name}'/>" for name in spine.split())
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "b/book.opf": "<package xmlns='http://www.idpf.org/2007/opf'><metadata xmlns:dc='d'>"
            f"<dc:title>书名</dc:title></metadata><manifest>{items}</manifest>"
            f"<spine>{refs}</spine></package>",
        }
        | {
            f"b/{name} x.xhtml": f"<html><body>{body}</body></html>"
            for name, body in chapters.items()
        },
        stored_first=True,
    )


def test_chapters_come_in_the_order_of_the_spine() -> None:
    extract = epub.read(
        book({"one": "<h2>甲</h2><p>A.</p>", "two": "<p>B.</p>"}, "two one"), "a.epub"
    )
    assert extract.text == "书名\n\nB.\n\n甲\n\nA."
    assert [h.title for h in extract.headings] == ["书名", "甲"]


def test_footnotes_of_books_are_text() -> None:
    body = "<p>Word<a href='#n'>1</a></p><aside epub:type='footnote' id='n'>The note.</aside>"
    assert "The note." in epub.read(book({"one": body}, "one"), "a.epub").text


def test_missing_chapters_are_said() -> None:
    made = book({"one": "<p>A.</p>"}, "one").replace(b"one x.xhtml", b"eno x.xhtml")
    data = book({"one": "<p>A.</p>", "two": "<p>B.</p>"}, "one two").replace(
        b"two x.xhtml", b"2wo x.xhtml"
    )
    assert [(n.code, n.values) for n in epub.read(data, "a.epub").notes] == [
        ("chapters_missing", {"count": 1})
    ]
    assert not epub.read(made, "a.epub").text.startswith("A.")


def test_notebooks_keep_words_code_and_what_it_printed() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "看 [图](https://example.org)。"]},
        {
            "cell_type": "code",
            "source": "total = 7\nprint(total)",
            "outputs": [
                {"output_type": "stream", "text": ["7\n"]},
                {"output_type": "execute_result", "data": {
                    "text/plain": ["  a\n0 1"],
                    "text/html": ["<table><tr><th>a<th>b</tr><tr><td>1<td>2</tr></table>"],
                }},
            ],
        },
    ]  # fmt: skip
    extract = notebook.read(json.dumps({"cells": cells, "nbformat": 4}).encode(), "a.ipynb")
    assert extract.text == (
        "分析\n\n看 图 (https://example.org)。\n\ntotal = 7\nprint(total)\n\n7\n\na: 1 | b: 2"
    )
    assert len(extract.blocks) == 3
