"""Slides: a page each, in the order they are looked at."""

import io
from typing import Any

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ragapp.documents.readers import Extract
from ragapp.documents.readers.slides import read

BOX = (Inches(1), Inches(1), Inches(5), Inches(2))


def saved(slides: Any) -> Extract:
    file = io.BytesIO()
    slides.save(file)
    return read(file.getvalue(), "a.pptx")


def test_a_slide_is_a_page_under_its_title_with_its_notes() -> None:
    slides = Presentation()
    for title, text, note in (("开工", "九点到场。", "带安全帽。"), ("Close", "Lock up.", "")):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if note:
            slide.notes_slide.notes_text_frame.text = note
    extract = saved(slides)
    assert extract.text == "开工\n\n九点到场。\n\n带安全帽。\n\nClose\n\nLock up."
    assert [(h.title, h.level) for h in extract.headings] == [("开工", 1), ("Close", 1)]
    pages = [extract.text[page.start : page.end] for page in extract.pages]
    assert pages == ["开工\n\n九点到场。\n\n带安全帽。", "Close\n\nLock up."]


def test_tables_name_their_columns_and_fill_merged_cells() -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, *BOX).table
    rows = (("Region", "Desk", "Phone"), ("South", "Service", "5202"), ("", "Parts", "5203"))
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            table.cell(y, x).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    assert saved(slides).text == (
        "Region: South | Desk: Service | Phone: 5202\nRegion: South | Desk: Parts | Phone: 5203"
    )


def test_charts_are_tables_of_their_values() -> None:
    data = CategoryChartData()
    data.categories = ["2024", "2025"]
    data.add_series("Sales", (10, 12.5))
    data.add_series("Costs", (7, 8))
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[6])
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, data)
    assert "2025 | Sales: 12.5 | Costs: 8" in saved(slides).text


def test_shapes_are_read_from_the_top_and_groups_in_their_place() -> None:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[6])
    low = slide.shapes.add_textbox(Inches(1), Inches(5), Inches(3), Inches(1))
    low.text_frame.text = "last"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(*BOX).text_frame.text = "grouped"
    run = group.shapes.add_textbox(Inches(1), Inches(3), Inches(3), Inches(1)).text_frame
    run.text = "form"
    run.paragraphs[0].runs[0].hyperlink.address = "https://example.org/form"
    assert saved(slides).text == "grouped\n\nform (https://example.org/form)\n\nlast"
