"""Word keeps much beside its paragraphs: notes, comments, headers, equations, links, changes."""

import io
import zipfile

import pytest
from docx import Document
from docx.document import Document as DocxDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ragapp.documents.readers.docx.reader import read
from ragapp.errors import BrokenDocument

from .samples import docx as sample

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def saved(document: DocxDocument) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def text_of(document: DocxDocument) -> str:
    return read(saved(document), "a.docx").text


def paragraph(document: DocxDocument, runs: str) -> None:
    xml = f"<w:p {nsdecls('w', 'r')} xmlns:m='{MATH}'>{runs}</w:p>"
    document.element.body.insert_element_before(parse_xml(xml), "w:sectPr")


def run(text: str) -> str:
    return f"<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>"


def with_part(data: bytes, name: str, kind: str, xml: str) -> bytes:
    """Add a part to a package, with the relationship that leads to it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "word/_rels/document.xml.rels":
                link = f'<Relationship Id="rAdded" Type="{OFFICE}/{kind}" Target="{name}"/>'
                content = content.replace(b"</Relationships>", f"{link}</Relationships>".encode())
            new.writestr(member, content)
        new.writestr(f"word/{name}", xml)
    return file.getvalue()


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


def m(name: str, *inner: str) -> str:
    return f"<m:{name}>{''.join(inner)}</m:{name}>"


def letters(text: str) -> str:
    return m("r", m("t", text))


SQUARE = m("sSup", m("e", letters("T")), m("sup", letters("2")))


@pytest.mark.parametrize(
    ("equation", "reads"),
    [
        (letters("g=") + m("f", m("num", letters("4πL")), m("den", SQUARE)), "g=4πL/T²"),
        (m("f", m("num", letters("a+b")), m("den", letters("2c"))), "(a+b)/2c"),
        (m("f", m("num", letters("a")), m("den", letters("b+c"))), "a/(b+c)"),
        (m("rad", m("deg"), m("e", letters("x+1"))), "√(x+1)"),
        (m("sSub", m("e", letters("v")), m("sub", letters("0"))), "v₀"),
        (m("sSup", m("e", letters("e")), m("sup", letters("−kt"))), "e^(−kt)"),
        (
            m("nary", "<m:naryPr><m:chr m:val='∑'/></m:naryPr>", m("sub", letters("i=1")),
              m("sup", letters("n")), m("e", letters("x"))),
            "∑_(i=1)ⁿ x",
        ),
        (m("d", m("e", letters("a")), m("e", letters("b"))), "(a, b)"),
        (m("func", m("fName", letters("sin")), m("e", letters("x"))), "sin(x)"),
        (
            m("m", m("mr", m("e", letters("1")), m("e", letters("0"))),
              m("mr", m("e", letters("0")), m("e", letters("1")))),
            "1, 0; 0, 1",
        ),
    ],
)  # fmt: skip
def test_equations_are_read_in_a_line(equation: str, reads: str) -> None:
    document = Document()
    paragraph(document, run("Here ") + f"<m:oMath>{equation}</m:oMath>" + run("."))
    assert text_of(document) == f"Here {reads}."


def test_symbols_of_symbol_fonts_are_letters() -> None:
    document = Document()
    sym = "<w:r><w:sym w:font='{}' w:char='{}'/></w:r>"
    paragraph(
        document,
        run("5 ") + sym.format("Symbol", "F06D") + run("m ") + sym.format("Wingdings", "F0FC")
        + sym.format("Symbol", "61") + sym.format("Odd", "F041"),
    )  # fmt: skip
    assert text_of(document) == "5 μm ✓α"


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
