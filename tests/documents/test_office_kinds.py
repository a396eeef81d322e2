"""Templates, shows and files with macros are read as what they are made from."""

import io
import re
import zipfile

import pytest

from ragapp.documents.parse import parse_file

from . import samples

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
MS_WORD, MS_SLIDES = "application/vnd.ms-word.", "application/vnd.ms-powerpoint."


def xlsx() -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write_row(0, 0, ["City", "Days"])
        book.worksheets()[0].write_row(1, 0, ["Lyon", 27])
    return out.getvalue()


def with_main_part(made: bytes, old: str, new: str) -> bytes:
    """Say in a package that its main part is of another type."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as source, zipfile.ZipFile(out, "w") as target:
        for member in source.namelist():
            data = source.read(member)
            if member == "[Content_Types].xml":
                assert old.encode() in data
                data = re.sub(re.escape(old.encode()), new.encode(), data)
            target.writestr(member, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("suffix", "made", "old", "new"),
    [
        (".dotx", samples.docx, WORD, WORD.replace("document.main", "template.main")),
        (".docm", samples.docx, WORD, MS_WORD + "document.macroEnabled.main+xml"),
        (".dotm", samples.docx, WORD, MS_WORD + "template.macroEnabledTemplate.main+xml"),
        (".potx", samples.pptx, SLIDES, SLIDES.replace("presentation.main", "template.main")),
        (".ppsx", samples.pptx, SLIDES, SLIDES.replace("presentation.main", "slideshow.main")),
        (".pptm", samples.pptx, SLIDES, MS_SLIDES + "presentation.macroEnabled.main+xml"),
        (".ppsm", samples.pptx, SLIDES, MS_SLIDES + "slideshow.macroEnabled.main+xml"),
        (".potm", samples.pptx, SLIDES, MS_SLIDES + "template.macroEnabled.main+xml"),
        (".xltx", xlsx, SHEETS, SHEETS.replace("sheet.main", "template.main")),
        (".xltm", xlsx, SHEETS, "application/vnd.ms-excel.template.macroEnabled.main+xml"),
    ],
)
def test_it_is_read_as_the_usual_kind_is(tmp_path, suffix, made, old, new):
    usual, other = tmp_path / f"a{made.__name__}.{made.__name__}", tmp_path / f"b{suffix}"
    data = made()
    usual.write_bytes(data)
    other.write_bytes(with_main_part(data, old, new))
    read = parse_file(usual)
    assert read.text
    assert parse_file(other).text == read.text
