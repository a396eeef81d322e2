"""A table's lines: each says which columns its values are of."""

import pytest

from ragapp.documents.readers.compose import Composer, with_target
from ragapp.documents.readers.table import WIDEST_LINE, find_header, is_number, table_lines
from ragapp.types import Block, BlockKind

PARTS = [["Part", "Minimum stock", "On order"], ["K-1", "12", "3"], ["K-2", "", "7"]]


def test_every_row_names_its_columns() -> None:
    assert list(table_lines(PARTS)) == [
        "Part: K-1 | Minimum stock: 12 | On order: 3",
        "Part: K-2 | On order: 7",
    ]


def test_rows_without_a_header_stay_rows() -> None:
    assert list(table_lines([["Room 7", "21 °C"], ["Room 8", "19 °C"]], 0)) == [
        "Room 7 | 21 °C",
        "Room 8 | 19 °C",
    ]


def test_two_rows_of_names_become_one() -> None:
    rows = [["Town", "2023", "2023"], ["Town", "in", "out"], ["Ulm", "5", "6"]]
    assert list(table_lines(rows, 2)) == ["Town: Ulm | 2023 in: 5 | 2023 out: 6"]


def test_a_value_merged_over_columns_comes_once() -> None:
    rows = [["Total", "Total", "9"]]
    assert list(table_lines(rows, 0)) == ["Total | 9"]


def test_a_table_of_names_only_is_kept() -> None:
    assert list(table_lines([["Name", "Date"]], 1)) == ["Name | Date"]


def test_a_wide_row_goes_on_under_its_first_cell() -> None:
    names = ["Station", *(f"column {number}" for number in range(200))]
    lines = list(table_lines([names, ["Kiel", *(str(n) for n in range(200))]]))
    assert len(lines) > 3
    assert all(line.startswith("Station: Kiel | ") for line in lines)
    assert all(len(line) < WIDEST_LINE + 60 for line in lines)
    assert sum(line.count("column ") for line in lines) == 200


@pytest.mark.parametrize(
    ("rows", "header_rows"),
    [
        (PARTS, 1),
        ([["姓名", "部门", "补贴"], ["张三", "研发部", "800"]], 1),
        ([["", "North", "South"], ["2023", "4", "5"]], 1),
        ([["Name", "Town"], ["Ann Peters", "Bremen"], ["Li Wei", "Dalian"]], 1),
        ([["Customer:", "Ann"], ["Order:", "77"]], 0),
        ([["2023", "4"], ["2024", "5"]], 0),
        ([["only one row", "of words"]], 0),
        ([["a", "a"], ["1", "2"]], 0),
    ],
)
def test_a_header_is_found_where_there_is_one(rows: list[list[str]], header_rows: int) -> None:
    assert find_header(rows) == header_rows


@pytest.mark.parametrize(
    "text", ["8,400", "24 V", "2015-07", "91.00", "12 %", "¥1,200.50", "(3.5)"]
)
def test_quantities_are_numbers(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "K-4613", "Part 3 of the list", "North", "–"])
def test_words_are_not(text: str) -> None:
    assert not is_number(text)


def test_a_composed_table_is_a_block_of_lines() -> None:
    composer = Composer()
    composer.paragraph("Before.")
    composer.table(PARTS, caption="Stock")
    composer.code("x = 1\n\ny = 2")
    extract = composer.extract()
    kinds = [(block.kind, extract.text[block.start : block.end]) for block in extract.blocks]
    assert kinds == [
        (BlockKind.TABLE, "\n".join(table_lines(PARTS))),
        (BlockKind.CODE, "x = 1\n\ny = 2"),
    ]


def test_an_included_text_keeps_its_structure() -> None:
    inner = Composer()
    inner.heading(1, "Prices")
    inner.table(PARTS)
    outer = Composer()
    outer.paragraph("See the attachment.")
    outer.include(inner.extract(), "prices.xlsx")
    extract = outer.extract()
    (block,) = extract.blocks
    assert block == Block(BlockKind.TABLE, extract.text.index("Part: K-1"), len(extract.text))
    assert [(one.level, one.title) for one in extract.headings] == [
        (1, "prices.xlsx"),
        (2, "Prices"),
    ]
    assert all(extract.text.startswith(one.title, one.start) for one in extract.headings)


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        ("the form", "https://a.example/f", "the form (https://a.example/f)"),
        ("https://a.example/f", "https://a.example/f", "https://a.example/f"),
        ("a.example", "https://a.example/", "a.example"),
        ("Ann", "mailto:ann@a.example", "Ann (ann@a.example)"),
        ("next", "page2.html", "next"),
        ("top", "#top", "top"),
        ("run", "javascript:alert(1)", "run"),
        ("", "https://a.example", "https://a.example"),
    ],
)
def test_a_link_says_where_it_leads(text: str, target: str, said: str) -> None:
    assert with_target(text, target) == said
