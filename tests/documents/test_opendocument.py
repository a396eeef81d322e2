"""OpenDocument: paragraphs, lists, tables and notes where they belong."""

import pytest

from ragapp.documents.readers.opendocument import read
from ragapp.errors import BrokenDocument

from .samples import open_document


def parse(body: str, kind: str = "text") -> str:
    return read(open_document(kind, body), "a.odt").text


def test_headings_keep_their_level() -> None:
    made = open_document(
        "text",
        "<text:h text:outline-level='2'>章程</text:h><text:p>正文<text:s text:c='2'/>继续</text:p>",
    )
    extract = read(made, "a.odt")
    assert [(h.level, h.title) for h in extract.headings] == [(2, "章程")]
    assert extract.text == "章程\n\n正文  继续"


def test_notes_follow_their_paragraph() -> None:
    note = (
        "<text:note text:note-class='footnote'><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>Since May.</text:p></text:note-body></text:note>"
    )
    assert parse(f"<text:p>Open{note} daily.</text:p><text:p>End.</text:p>") == (
        "Open[1] daily.\n\n[1] Since May.\n\nEnd."
    )


def test_what_was_deleted_is_gone() -> None:
    assert (
        parse(
            "<text:tracked-changes><text:p>old</text:p></text:tracked-changes><text:p>new</text:p>"
        )
        == "new"
    )


def test_lists_are_marked() -> None:
    item = "<text:list-item><text:p>{}</text:p></text:list-item>"
    assert parse(f"<text:list>{item.format('one')}{item.format('two')}</text:list>") == (
        "- one\n- two"
    )


def test_tables_fill_spans_and_repeated_cells() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    rows = (
        cell("Region") + cell("Desk") + cell("Phone"),
        cell("South", "table:number-rows-spanned='2'") + cell("Service") + cell("5202"),
        "<table:covered-table-cell/>" + cell("Parts") + cell("5203"),
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    assert parse(f"<table:table>{body}</table:table>") == (
        "Region: South | Desk: Service | Phone: 5202\nRegion: South | Desk: Parts | Phone: 5203"
    )


def sections(depth: int) -> str:
    return "<text:section>" * depth + "<text:p>deep</text:p>" + "</text:section>" * depth


def test_what_is_nested_deep_is_read_and_deeper_is_refused() -> None:
    assert parse(sections(1000)) == "deep"
    with pytest.raises(BrokenDocument, match="too deep"):
        parse(sections(20_000))
