"""Word keeps much beside its paragraphs: notes, comments, headers, equations, links, changes."""

import io
import zipfile

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.table import _Cell

from ragapp.documents.readers.docx.reader import read
from ragapp.errors import BrokenDocument

from .samples import docx as sample
from .word_files import OFFICE, paragraph, run, saved, text_of, with_part


def test_footnotes_follow_the_paragraph_that_refers_to_them() -> None:
    document = Document()
    paragraph(document, run("逾期付款") + "<w:r><w:footnoteReference w:id='2'/></w:r>" + run("。"))
    document.add_paragraph("另行约定。")
    notes = (
        f"<w:footnotes {nsdecls('w')}><w:footnote w:type='separator' w:id='0'><w:p/></w:footnote>"
        f"<w:footnote w:id='2'><w:p>{run('上限为百分之八。')}</w:p></w:footnote></w:footnotes>"
    )
    made = with_part(saved(document), "footnotes.xml", "footnotes", notes)
    assert read(made, "a.docx").text == "逾期付款[1]。\n\n[1] 上限为百分之八。\n\n另行约定。"


def test_notes_of_cells_follow_their_table() -> None:
    document = Document()
    table = document.add_table(2, 3)
    for cell, text in zip(table._cells, ("Part", "Qty", "Bin", "a", "1", "x"), strict=True):
        cell.text = text
    reference = parse_xml(f"<w:r {nsdecls('w')}><w:endnoteReference w:id='5'/></w:r>")
    table.cell(1, 1).paragraphs[0]._p.append(reference)
    notes = (
        f"<w:endnotes {nsdecls('w')}><w:endnote w:id='5'><w:p>{run('Counted in May.')}</w:p>"
        "</w:endnote></w:endnotes>"
    )
    made = with_part(saved(document), "endnotes.xml", "endnotes", notes)
    assert read(made, "a.docx").text == "Part: a | Qty: 1[1] | Bin: x\n\n[1] Counted in May."


def test_comments_say_who_made_them() -> None:
    document = Document()
    words = document.add_paragraph("Delivery in May.").runs[0]
    document.add_comment(words, text="Moved to June?", author="王敏")
    assert text_of(document) == "Delivery in May.\n\n王敏: Moved to June?"


def test_headers_and_footers_are_said_once_and_page_numbers_not_at_all() -> None:
    document = Document()
    document.add_paragraph("Text.")
    for section in (document.sections[0], document.add_section()):
        section.header.is_linked_to_previous = False
        section.header.paragraphs[0].text = "Confidential — ACME"
        section.footer.is_linked_to_previous = False
        section.footer.paragraphs[0].text = "第 3 页 共 9 页"
    assert text_of(document) == "Text.\n\nConfidential — ACME"


def test_merged_cells_hold_their_value_each() -> None:
    document = Document()
    table = document.add_table(4, 3)
    rows = (("Region", "Desk", "Phone"), ("South", "Service", "5202"), ("", "Parts", "5203"),
            ("North", "Parts", "5301"))  # fmt: skip
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            table.cell(y, x).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    assert text_of(document).split("\n")[1] == "Region: South | Desk: Parts | Phone: 5203"


def test_a_table_of_one_column_is_a_frame_around_text() -> None:
    document = Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "First."
    cell.add_paragraph("Second.")
    assert text_of(document) == "First.\n\nSecond."


def test_tables_in_cells_are_read_once() -> None:
    document = Document()
    outer = document.add_table(2, 2)
    for cell, text in zip(outer._cells, ("Name", "Value", "x", "y"), strict=True):
        cell.text = text
    inner = outer.cell(1, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "walnut", "2"
    assert text_of(document).count("walnut") == 1


def test_changes_read_as_accepted() -> None:
    document = Document()
    paragraph(
        document,
        run("within ")
        + "<w:del w:id='1' w:author='a'><w:r><w:delText>30</w:delText></w:r></w:del>"
        + f"<w:ins w:id='2' w:author='a'>{run('45')}</w:ins>"
        + f"<w:moveFrom w:id='3' w:author='a'>{run('gone')}</w:moveFrom>"
        + run(" days"),
    )
    joined = "<w:pPr><w:rPr><w:del w:id='4' w:author='a'/></w:rPr></w:pPr>"
    paragraph(document, joined + run("One sentence "))
    paragraph(document, run("in two paragraphs."))
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Kept", "1", "Removed", "2"), strict=True):
        cell.text = text
    removed = parse_xml(f"<w:trPr {nsdecls('w')}><w:del w:id='5' w:author='a'/></w:trPr>")
    table.rows[1]._tr.insert(0, removed)
    assert text_of(document) == ("within 45 days\n\nOne sentence in two paragraphs.\n\nKept | 1")


def test_links_say_where_they_lead() -> None:
    document = Document()
    key = document.part.relate_to("https://example.org/a", f"{OFFICE}/hyperlink", is_external=True)
    code = '<w:r><w:instrText> HYPERLINK "https://example.org/b" </w:instrText></w:r>'

    def field(kind: str) -> str:
        return f"<w:r><w:fldChar w:fldCharType='{kind}'/></w:r>"

    paragraph(
        document,
        f"<w:hyperlink r:id='{key}'>{run('the form')}</w:hyperlink>{run(' and ')}"
        + field("begin") + code + field("separate") + run("the list") + field("end") + run("."),
    )  # fmt: skip
    assert text_of(document) == (
        "the form (https://example.org/a) and the list (https://example.org/b)."
    )


def test_odd_packages_are_damaged_documents() -> None:
    whole = sample()
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "_rels/.rels":
                data = data.replace(b"word/document.xml", b"word/nothing.xml")
            new.writestr(member, data)
    with pytest.raises(BrokenDocument, match="damaged"):
        read(file.getvalue(), "a.docx")


def test_text_whose_paragraph_end_was_deleted_last_is_kept() -> None:
    document = Document()
    joined = "<w:pPr><w:rPr><w:del w:id='4' w:author='a'/></w:rPr></w:pPr>"
    paragraph(document, joined + run("Before the table."))
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    paragraph(document, joined + run("The very last."))
    assert text_of(document) == "Before the table.\n\na | b\n\nThe very last."


def test_text_boxes_in_cells_are_read_once_and_deleted_rows_within_not() -> None:
    document = Document()
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "a"
    box = f"<w:txbxContent><w:p>{run('walnut')}</w:p></w:txbxContent>"
    table.cell(0, 1).paragraphs[0]._p.append(
        parse_xml(f"<w:r {nsdecls('w')}><w:pict>{box}</w:pict></w:r>")
    )
    inner = table.cell(0, 0).add_table(1, 1)
    inner.cell(0, 0).text = "gone"
    inner.rows[0]._tr.insert(0, parse_xml(f"<w:trPr {nsdecls('w')}><w:del w:id='1'/></w:trPr>"))
    text = text_of(document)
    assert text.count("walnut") == 1
    assert "gone" not in text


def test_a_note_is_written_once_however_often_it_is_referred_to() -> None:
    document = Document()
    mark = "<w:r><w:footnoteReference w:id='2'/></w:r>"
    paragraph(document, run("One") + mark)
    paragraph(document, run("Two") + mark)
    notes = (
        f"<w:footnotes {nsdecls('w')}><w:footnote w:id='2'><w:p>{run('The note.')}</w:p>"
        "</w:footnote></w:footnotes>"
    )
    made = with_part(saved(document), "footnotes.xml", "footnotes", notes)
    assert read(made, "a.docx").text == "One[1]\n\n[1] The note.\n\nTwo[1]"


def field(kind: str) -> str:
    return f"<w:r><w:fldChar w:fldCharType='{kind}'/></w:r>"


def test_only_the_result_of_a_field_is_text() -> None:
    document = Document()
    code = "<w:r><w:instrText> IF x = 1 </w:instrText></w:r>"
    inner = field("begin") + code + field("separate") + run("condition") + field("end")
    paragraph(
        document,
        run("The fee is ") + field("begin") + code + inner + run("“9%”") + field("separate")
        + run("8%") + field("end") + run(".") + field("begin") + run("hidden") + field("end"),
    )  # fmt: skip
    assert text_of(document) == "The fee is 8%."


def test_a_field_that_does_not_end_hides_nothing() -> None:
    document = Document()
    paragraph(document, run("Before ") + field("begin") + run("after."))
    assert text_of(document) == "Before after."


def test_a_link_around_the_code_of_a_field_leaves_the_rest_alone() -> None:
    document = Document()
    key = document.part.relate_to("https://example.org/a", f"{OFFICE}/hyperlink", is_external=True)
    paragraph(
        document,
        run("See ") + field("begin")
        + f"<w:hyperlink r:id='{key}'>{run('code')}{field('separate')}</w:hyperlink>"
        + run("the form") + field("end") + run("."),
    )  # fmt: skip
    assert text_of(document) == "See the form."


COMMENTS = (
    f"<w:comments {nsdecls('w')}><w:comment w:id='4' w:author='王敏'>"
    f"<w:p>{run('Is that so?')}</w:p></w:comment></w:comments>"
)
COMMENTED = "<w:r><w:commentReference w:id='4'/></w:r>"


def test_comments_on_notes_follow_the_note() -> None:
    document = Document()
    paragraph(document, run("Text.") + "<w:r><w:footnoteReference w:id='2'/></w:r>")
    document.add_paragraph("More.")
    notes = (
        f"<w:footnotes {nsdecls('w')}><w:footnote w:id='2'>"
        f"<w:p>{run('The note.')}{COMMENTED}</w:p></w:footnote></w:footnotes>"
    )
    made = with_part(saved(document), "footnotes.xml", "footnotes", notes)
    made = with_part(made, "comments.xml", "comments", COMMENTS)
    assert read(made, "a.docx").text == ("Text.[1]\n\n[1] The note.\n\n王敏: Is that so?\n\nMore.")


def test_comments_on_headers_follow_the_header_once() -> None:
    document = Document()
    document.add_paragraph("Text.")
    for section in (document.sections[0], document.add_section()):
        section.header.is_linked_to_previous = False
        section.header.paragraphs[0].text = "ACME"
        mark = parse_xml(f"<w:r {nsdecls('w')}><w:commentReference w:id='4'/></w:r>")
        section.header.paragraphs[0]._p.append(mark)
    made = with_part(saved(document), "comments.xml", "comments", COMMENTS)
    assert read(made, "a.docx").text == "Text.\n\nACME\n\n王敏: Is that so?"


def deleted_cell(cell: _Cell) -> None:
    mark = parse_xml(f"<w:cellDel {nsdecls('w')} w:id='7' w:author='a'/>")
    cell._tc.get_or_add_tcPr().append(mark)


def test_cells_deleted_in_review_are_gone() -> None:
    document = Document()
    table = document.add_table(3, 3)
    texts = ("Part", "Old", "Bin", "bolt", "gone", "x", "all", "of", "it")
    for cell, text in zip(table._cells, texts, strict=True):
        cell.text = text
    box = f"<w:txbxContent><w:p>{run('boxed')}</w:p></w:txbxContent>"
    table.cell(1, 1).paragraphs[0]._p.append(
        parse_xml(f"<w:r {nsdecls('w')}><w:pict>{box}</w:pict></w:r>")
    )
    for cell in (table.cell(0, 1), table.cell(1, 1), *table.rows[2].cells):
        deleted_cell(cell)
    assert text_of(document) == "Part | Bin\nbolt | x"


def test_cells_deleted_in_a_table_within_a_cell_are_gone() -> None:
    document = Document()
    outer = document.add_table(1, 2)
    outer.cell(0, 0).text = "a"
    inner = outer.cell(0, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "kept", "gone"
    deleted_cell(inner.cell(0, 1))
    assert text_of(document) == "a | kept"
