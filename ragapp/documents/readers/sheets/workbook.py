"""Workbooks of Excel, WPS and LibreOffice: every sheet under its name, rows with their columns."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from typing import Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.archive import check_archive
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.sheets.compose import compose_sheet, filled_in
from ragapp.documents.readers.table import Row
from ragapp.documents.signatures import Content, holds_stream, is_open_xml, is_zip
from ragapp.errors import BrokenDocument, EncryptedDocument
from ragapp.types import Note

MOST_FILLED = 500_000
"""Cells of a sheet into which the value of merged cells is copied."""
_EXACT = 15  # digits of a number that a workbook keeps


def read(data: bytes, name: str) -> Extract:
    """Return the cells of a workbook, as values: those of formulas as last computed.

    Raises:
        BrokenDocument: damaged, or it would unpack to an absurd size.
        EncryptedDocument: a password is needed.
    """
    import python_calamine

    if is_zip(Content(data)):
        check_archive(data, name)
    composer, failed = Composer(), []
    try:
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            names = workbook.sheet_names
            for title in names:
                try:
                    sheet = workbook.get_sheet_by_name(title)
                except (python_calamine.CalamineError, ValueError, OSError):
                    failed.append(title)  # a chart's, or damaged
                    continue
                if sheet.total_height:
                    composer.heading(1, title)
                    compose_sheet(composer, _rows(sheet))
    except python_calamine.PasswordError as error:
        raise EncryptedDocument("office_file_locked", name=name) from error
    except (python_calamine.CalamineError, ValueError, OSError, EOFError) as error:
        raise BrokenDocument(
            "office_damaged", name=name, format="Excel", reason=str(error)
        ) from error
    if failed and len(failed) == len(names):
        raise BrokenDocument("office_damaged", name=name, format="Excel", reason=failed[0])
    notes = (Note("sheets_not_read", {"names": ", ".join(failed)}),) if failed else ()
    return composer.extract(notes)


def _rows(sheet: Any) -> Iterator[Row]:  # noqa: ANN401 - a class of Rust's
    spans = [(*begin, *end) for begin, end in sheet.merged_cell_ranges or ()]
    rows: Iterator[Row] = ([shown(cell) for cell in row] for row in sheet.iter_rows())
    return filled_in(rows, spans, MOST_FILLED) if spans else rows


def shown(cell: object) -> str:
    """Return a cell as a person reads it: whole numbers without a point, dates as ISO 8601."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return f"{cell:.{_EXACT}g}" if abs(cell) < 10**_EXACT else f"{cell:.0f}"
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ", "seconds")
    return str(cell)


def _is_ods(content: Content) -> bool:
    return b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in content.head


_is_zipped = is_open_xml("xl/")
_is_old = holds_stream("Workbook", "Book")


def _is_workbook(content: Content) -> bool:
    return _is_zipped(content) or _is_old(content) or _is_ods(content)


FORMAT = Format(
    name="Excel",
    suffixes=(".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".xls", ".ods"),
    media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    read=read,
    signature=_is_workbook,
    always_signed=True,
)
