"""Workbooks and separated values: a row is understood by itself."""

import datetime
import io

import pytest
import xlsxwriter

from ragapp.documents.readers import Extract
from ragapp.documents.readers.sheets import separated, workbook
from ragapp.types import BlockKind


def book(*sheets: tuple[str, list[list[object]]], merged: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    made = xlsxwriter.Workbook(file)
    date = made.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets:
        sheet = made.add_worksheet(name)
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if isinstance(value, datetime.date):
                    sheet.write_datetime(y, x, value, date)
                elif value is not None:
                    sheet.write(y, x, value)
        for span in merged:
            y, x = {"A": 0, "B": 1, "C": 2}[span[0]], int(span[1]) - 1
            sheet.merge_range(span, rows[x][y])
    made.close()
    return file.getvalue()


def csv(text: str) -> str:
    return separated.read(text.encode(), "a.csv").text


def test_each_row_names_its_columns_under_its_sheet() -> None:
    rows = [
        ["设备", "台数", "购置日期"],
        ["水泵", 12, datetime.date(2024, 5, 1)],
        ["电机", 2.5, None],
    ]
    extract = workbook.read(book(("台账", rows)), "a.xlsx")
    assert extract.text == (
        "台账\n\n设备: 水泵 | 台数: 12 | 购置日期: 2024-05-01\n设备: 电机 | 台数: 2.5"
    )
    assert [heading.title for heading in extract.headings] == ["台账"]
    assert [block.kind for block in extract.blocks] == [BlockKind.TABLE]


def test_merged_values_stand_in_each_of_their_cells() -> None:
    rows = [["Region", "Desk", "Phone"], ["South", "Service", 5202], [None, "Parts", 5203]]
    assert (
        "Region: South | Desk: Parts | Phone: 5203"
        in workbook.read(book(("Phones", rows), merged=("A2:A3",)), "a.xlsx").text
    )


def test_a_title_above_a_table_is_not_its_header() -> None:
    rows = [["Budget 2026"], ["Item", "Amount", "Note"], ["Crane hire", 8400, "two weeks"]]
    text = workbook.read(book(("Sheet1", rows)), "a.xlsx").text
    assert text == "Sheet1\n\nBudget 2026\n\nItem: Crane hire | Amount: 8400 | Note: two weeks"


def test_a_table_that_goes_on_below_a_blank_row_keeps_its_columns() -> None:
    rows = [["Part", "Qty", "Bin"], ["a", 1, "x"], [], ["b", 2, "y"]]
    text = workbook.read(book(("S", rows)), "a.xlsx").text
    assert text.endswith("Part: b | Qty: 2 | Bin: y")


def test_several_sheets_follow_one_another() -> None:
    made = book(("One", [["a", "b"], ["x", 1]]), ("Two", [["c", "d"], ["y", 2]]), ("Empty", []))
    headings = workbook.read(made, "a.xlsx").headings
    assert [heading.title for heading in headings] == ["One", "Two"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(separator: str) -> None:
    lines = [["item", "amount", "note"], ["crane hire", "8400", "two weeks"], ["sand", "90", ""]]
    text = csv("\n".join(separator.join(line) for line in lines))
    assert text == "item: crane hire | amount: 8400 | note: two weeks\nitem: sand | amount: 90"


def test_quoted_cells_hold_separators_and_breaks() -> None:
    assert csv('name,remark,n\n"Li, Wei","two\nlines",3\n') == (
        "name: Li, Wei | remark: two lines | n: 3"
    )


def test_excel_may_say_its_separator() -> None:
    assert csv("sep=;\na;b;c\n1,5;2,5;x\n") == "a: 1,5 | b: 2,5 | c: x"


def test_chinese_encodings_are_read() -> None:
    extract: Extract = separated.read("品名,数量\n钢管,三百根\n".encode("gb18030"), "a.csv")
    assert extract.text == "品名: 钢管 | 数量: 三百根"
