"""What lies side by side on a page is put in reading order: tables, columns, records."""

import pytest
from fpdf import FPDF

from ragapp.documents.readers.pdf.reader import read
from ragapp.types import BlockKind

from .pdf_files import chinese_pdf, mapped_pdf

LEFT = (
    "The lighthouse stands on the northern rock and was built by the town after the great storm. "
    "Its lamp is lit each evening by the keeper, who climbs the stairs with a can of oil."
)
RIGHT = (
    "The harbour lies on the southern shore where the water is deep and calm in every season. "
    "Boats come in with the tide and leave their fish on the quay before the market opens."
)


def document() -> FPDF:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=11)
    return made


def table(made: FPDF, rows: list[tuple[str, ...]], *, ruled: bool) -> None:
    borders = "ALL" if ruled else "NONE"
    with made.table(borders_layout=borders, first_row_as_headings=False) as written:
        for row in rows:
            written.row(row)


PARTS = [("Part", "Shelf", "On order"), ("K-4613", "B12", "47"), ("K-4614", "C03", "5")]


def test_rows_of_ruled_and_of_borderless_tables_name_their_columns() -> None:
    for ruled in (True, False):
        made = document()
        made.multi_cell(0, 8, "Spare parts are counted every Friday by the storekeeper.")
        made.ln(6)
        table(made, PARTS, ruled=ruled)
        extract = read(bytes(made.output()), "a.pdf")
        assert "Part: K-4613 | Shelf: B12 | On order: 47" in extract.text
        assert [block.kind for block in extract.blocks] == [BlockKind.TABLE]


def test_a_table_that_goes_on_over_the_page_keeps_its_columns() -> None:
    made = document()
    rows = [PARTS[0], *((f"K-{4000 + n}", f"B{n}", str(7 * n)) for n in range(60))]
    table(made, rows, ruled=True)
    extract = read(bytes(made.output()), "a.pdf")
    assert len(extract.pages) > 1
    assert "Part: K-4059 | Shelf: B59 | On order: 413" in extract.text


def test_columns_are_read_one_after_the_other() -> None:
    made = document()
    top = made.get_y()
    made.multi_cell(85, 6, LEFT, align="L")
    made.set_xy(110, top)
    made.multi_cell(85, 6, RIGHT, align="L")
    text = " ".join(read(bytes(made.output()), "a.pdf").text.split())
    assert LEFT in text
    assert RIGHT in text
    assert text.index(LEFT) < text.index(RIGHT)


def test_a_record_on_each_page_is_one_unit() -> None:
    made = FPDF()
    made.set_font("helvetica", size=12)
    people = (("Priya Nair", "3,412.75"), ("Jonas Weber", "2,874.10"), ("Mei Tanaka", "3,998.40"))
    for number, (name, pay) in enumerate(people):
        made.add_page()
        for line in (f"Payslip No. 8811{number}", f"Employee: {name}", f"Net pay: {pay} EUR"):
            made.multi_cell(0, 9, line, new_x="LMARGIN", new_y="NEXT")
    extract = read(bytes(made.output()), "a.pdf")
    units = [extract.text[block.start : block.end] for block in extract.blocks]
    assert units[1] == "Payslip No. 88111 | Employee: Jonas Weber | Net pay: 2,874.10 EUR"
    assert [extract.text[page.start : page.end] for page in extract.pages] == units


def test_slides_of_different_words_are_no_records() -> None:
    made = FPDF()
    made.set_font("helvetica", size=20)
    for title, line in (("Plan", "We begin in May."), ("Cost", "It is 40."), ("End", "Thank you.")):
        made.add_page()
        made.multi_cell(0, 12, title, new_x="LMARGIN", new_y="NEXT")
        made.multi_cell(0, 12, line, new_x="LMARGIN", new_y="NEXT")
    assert read(bytes(made.output()), "a.pdf").blocks == ()


RULES = (
    "第一章借阅须知",
    "凡持有本馆借书证的读者，均可",
    "借阅图书，每次以五册为限，期",
    "限为三十天。",
)
IN_ORDER = "第一章借阅须知\n凡持有本馆借书证的读者，均可借阅图书，每次以五册为限，期限为三十天。"


def test_vertical_chinese_is_read_column_by_column_from_the_right() -> None:
    """Letter by letter, as many programs set it; and in one go, by the encoding for it."""
    letters = [
        (500.0 - 20 * column, 760.0 - 12 * row, 12.0, letter)
        for column, line in enumerate(RULES)
        for row, letter in enumerate(line)
    ]
    assert read(chinese_pdf([letters]), "a.pdf").text == IN_ORDER
    lines = [(500.0 - 20 * column, 760.0, 12.0, line) for column, line in enumerate(RULES)]
    upright = chinese_pdf([lines]).replace(b"UniGB-UCS2-H", b"UniGB-UCS2-V")
    assert read(upright, "a.pdf").text == IN_ORDER


@pytest.mark.parametrize("apart", [False, True])
def test_lines_from_right_to_left_are_read_from_their_beginning(apart: bool) -> None:
    """The file sets them as they are seen; a number among them is not turned round."""
    lines = ["הספרייה פתוחה בין 08:30 ל 17:00 בימי חול", "המכתבים נשמרים שנתיים."]
    seen = [line[::-1].replace("03:80", "08:30").replace("00:71", "17:00") for line in lines]
    data = mapped_pdf([(100, 700, seen[0]), (100, 686, seen[1])], apart=apart)
    assert read(data, "a.pdf").text == " ".join(lines)
