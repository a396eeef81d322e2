"""Slides of PowerPoint: a page a slide, with its tables, charts and notes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer, with_target
from ragapp.documents.signatures import is_open_xml
from ragapp.errors import BrokenDocument
from ragapp.types import Note, Page

# Main parts of shows, of templates and of files with macros, which are the same to a reader.
_OTHER_MAIN_PARTS = (
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
)
DEEPEST_GROUP = 50  # groups of shapes within one another
_BREAKS = re.compile("[\v\n]+")


def read(data: bytes, name: str) -> Extract:
    """Return the text of a presentation; each slide is a page.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: its parts are locked.
    """
    from pptx.opc.package import PartFactory
    from pptx.package import Package
    from pptx.parts.presentation import PresentationPart

    check_archive(data, name)
    PartFactory.part_type_for.update(dict.fromkeys(_OTHER_MAIN_PARTS, PresentationPart))
    try:
        part = Package.open(io.BytesIO(data)).main_document_part
        if not isinstance(part, PresentationPart):
            raise ValueError(f"its main part is {part.content_type}")
        slides = list(part.presentation.slides)
    except Exception as error:  # python-pptx lets through whatever its XML lacks
        raise _damaged(name, error) from error
    composer, pages, failed = Composer(), [], []
    for number, slide in enumerate(slides, 1):
        before = composer.length
        try:
            _slide(composer, slide)
        except Exception:  # noqa: BLE001 - as above
            failed.append(number)
        pages.append(Page(number, composer.next_start(before), composer.length))
    if failed and len(failed) == len(slides):
        raise _damaged(name, "no slide could be read")
    numbers = ", ".join(map(str, failed))
    notes = (Note("pages_failed", {"numbers": numbers}),) if failed else ()
    return replace(composer.extract(notes), pages=tuple(pages))


def _damaged(name: str, reason: object) -> BrokenDocument:
    return BrokenDocument("office_damaged", name=name, format="PowerPoint", reason=str(reason))


def _slide(composer: Composer, slide: Any) -> None:  # noqa: ANN401 - python-pptx has no types
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        composer.heading(1, _BREAKS.sub(" ", title.text_frame.text))
    for shape in _shapes(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _shape(composer, shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        composer.paragraph(slide.notes_slide.notes_text_frame.text)


def _shapes(shapes: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the shapes of a slide from the top to the bottom, those of groups in their place."""
    stack = [(shape, 0) for shape in reversed(_in_order(shapes))]
    while stack:
        shape, depth = stack.pop()
        if hasattr(shape, "shapes"):
            if depth < DEEPEST_GROUP:
                stack += [(one, depth + 1) for one in reversed(_in_order(shape.shapes))]
        else:
            yield shape


def _in_order(shapes: Any) -> list[Any]:  # noqa: ANN401
    return sorted(shapes, key=lambda one: (one.top or 0, one.left or 0))


def _shape(composer: Composer, shape: Any) -> None:  # noqa: ANN401
    if getattr(shape, "has_table", False):
        header = 1 if shape.table.first_row else None
        rows = list(shape.table.rows)
        composer.table(_cells(rows), header if len(rows) > 1 else 0)
    elif getattr(shape, "has_chart", False):
        _chart(composer, shape.chart)
    elif shape.has_text_frame:
        for place, paragraph in enumerate(shape.text_frame.paragraphs):
            text = "".join(_run(run) for run in paragraph.runs) or paragraph.text
            bullet = "  " * paragraph.level + "- " if paragraph.level else ""
            composer.paragraph(_BREAKS.sub("\n", bullet + text), tight=place > 0)


def _run(run: Any) -> str:  # noqa: ANN401
    return with_target(run.text, run.hyperlink.address or "") if run.hyperlink else run.text


def _cells(rows: list[Any]) -> Iterator[list[str]]:
    """Yield the cells of a table; a merged value stands in each of its cells."""
    merged: dict[tuple[int, int], str] = {}
    for y, row in enumerate(rows):
        line = []
        for x, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for below in range(cell.span_height):
                    for right in range(cell.span_width):
                        merged[y + below, x + right] = cell.text
            line.append(merged.get((y, x), "") if cell.is_spanned else cell.text)
        yield line


def _chart(composer: Composer, chart: Any) -> None:  # noqa: ANN401
    title = chart.chart_title.text_frame.text if chart.has_title else ""
    plot = next(iter(chart.plots), None)
    if plot is None:
        composer.paragraph(title)
        return
    series = list(plot.series)
    rows = [["", *(str(one.name) for one in series)]]
    for place, category in enumerate(plot.categories):
        values = [one.values[place] if place < len(one.values) else None for one in series]
        rows.append([str(category), *("" if v is None else f"{v:g}" for v in values)])
    composer.table(rows, 1, title)


FORMAT = Format(
    name="PowerPoint",
    suffixes=(".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
    media_type="application/vnd.openxmlformats-officedocument.presentationml.presentation",
    read=read,
    signature=is_open_xml("ppt/"),
    always_signed=True,
)
