"""Word documents are read in the order of the page, with the numbers Word only shows."""

import io
import zipfile

import pytest
from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ragapp.documents.readers import Extract
from ragapp.documents.readers.docx.numbering import format_count
from ragapp.documents.readers.docx.reader import read
from ragapp.errors import BrokenDocument, EncryptedDocument


def saved(document: DocxDocument) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def parse(document: DocxDocument) -> Extract:
    extract = read(saved(document), "a.docx")
    for heading in extract.headings:
        assert extract.text[heading.start :].startswith(heading.title)
    return extract


def levels(extract: Extract) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in extract.headings]


def test_paragraphs_tables_and_lists_in_order() -> None:
    document = Document()
    document.add_paragraph("前言。")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["名称", "数量", "纸", "3"], strict=True):
        cell.text = text
    document.add_paragraph("甲", style="List Bullet")
    document.add_paragraph("乙", style="List Bullet")
    document.add_paragraph("结束。")
    assert parse(document).text == "前言。\n\n名称: 纸 | 数量: 3\n\n- 甲\n- 乙\n\n结束。"


def test_headings_by_style_stand_below_the_title() -> None:
    document = Document()
    document.add_heading("手册", 0)
    document.add_heading("第一部分", 1)
    document.add_paragraph("正文。")
    document.add_heading("细节", 2)
    assert levels(parse(document)) == [(1, "手册"), (2, "第一部分"), (3, "细节")]


def test_chinese_style_names_and_styles_based_on_them() -> None:
    document = Document()
    chinese = document.styles.add_style("标题 2", WD_STYLE_TYPE.PARAGRAPH)
    own = document.styles.add_style("公司章标题", WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = chinese
    document.add_paragraph("安装", style=chinese)
    document.add_paragraph("配置", style=own)
    assert levels(parse(document)) == [(2, "安装"), (2, "配置")]


def test_outline_level_makes_a_heading() -> None:
    document = Document()
    paragraph = document.add_paragraph("总则")
    paragraph._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="0"/>'))
    document.add_paragraph("正文。")
    assert levels(parse(document)) == [(1, "总则")]


def test_numbers_that_word_only_shows_are_written_out() -> None:
    document = Document()
    numbering = document.part.numbering_part.element
    numbering.insert(
        0,
        parse_xml(
            f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">'
            '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/>'
            '<w:lvlText w:val="第%1条"/></w:lvl>'
            '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
            '<w:lvlText w:val="（%2）"/></w:lvl></w:abstractNum>'
        ),
    )
    numbering.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>')
    )
    for depth, text in [(0, "目的"), (1, "甲"), (1, "乙"), (0, "范围"), (1, "丙")]:
        paragraph = document.add_paragraph(text)
        paragraph._p.get_or_add_pPr().append(
            parse_xml(
                f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{depth}"/><w:numId w:val="90"/></w:numPr>'
            )
        )
    assert parse(document).text == "第一条 目的\n（1） 甲\n（2） 乙\n第二条 范围\n（1） 丙"


def test_counting() -> None:
    counted = [format_count(n, "chineseCounting") for n in (1, 10, 11, 20, 99)]
    assert counted == ["一", "十", "十一", "二十", "九十九"]
    assert [format_count(n, "lowerRoman") for n in (1, 4, 9, 14)] == ["i", "iv", "ix", "xiv"]
    assert [format_count(n, "upperLetter") for n in (1, 26, 27)] == ["A", "Z", "27"]


def test_tracked_changes_read_as_accepted_and_controls_are_entered() -> None:
    document = Document()
    paragraph = document.add_paragraph("保留")
    paragraph._p.append(parse_xml(f"<w:ins {nsdecls('w')}><w:r><w:t>新增</w:t></w:r></w:ins>"))
    paragraph._p.append(
        parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>删除</w:delText></w:r></w:del>")
    )
    document.element.body.insert(
        1,
        parse_xml(
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>控件</w:t></w:r></w:p>"
            "</w:sdtContent></w:sdt>"
        ),
    )
    assert parse(document).text == "保留新增\n\n控件"


def test_a_bomb_is_refused() -> None:
    file = io.BytesIO(saved(Document()))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", bytes(40 << 20))
    with pytest.raises(BrokenDocument, match="unpack"):
        read(file.getvalue(), "bomb.docx")


def test_locked_parts_are_told() -> None:
    data = bytearray(saved(Document()))
    entry = data.find(b"PK\x01\x02")
    data[entry + 8] |= 1
    with pytest.raises(EncryptedDocument, match="password"):
        read(bytes(data), "a.docx")
