"""Pictures of text are read by OCR: photographs by themselves, pages of a PDF when asked to."""

import io
from pathlib import Path

import pytest
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont

from ragapp.documents import ocr
from ragapp.documents.discover import discover
from ragapp.documents.readers import images
from ragapp.documents.readers.pdf import reader as pdf
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import BrokenDocument, EmptyDocument

WORDS = ("The harbour opens at seven.", "Boats wait outside.")


def picture(lines: tuple[str, ...] = WORDS) -> Image.Image:
    made = Image.new("RGB", (1000, 120 + 80 * len(lines)), "white")
    draw = ImageDraw.Draw(made)
    for place, line in enumerate(lines):
        draw.text((60, 60 + 80 * place), line, font=ImageFont.load_default(44), fill="black")
    return made


def png(made: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    made.save(file, kind)
    return file.getvalue()


def scan(*pages: tuple[str, ...] | str) -> bytes:
    """Build a PDF: text for a string, the picture of text for lines."""
    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in pages:
        made.add_page()
        if isinstance(page, str):
            made.multi_cell(0, 8, page)
        else:
            made.image(picture(page), x=10, y=10, w=180)
    return bytes(made.output())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_pictures_are_read(kind: str) -> None:
    extract = images.read(png(picture(), kind), "a.png")
    assert all(line in extract.text for line in WORDS)
    assert [note.code for note in extract.notes] == ["pages_recognised"]


def test_pictures_without_text_and_damaged_ones_are_told() -> None:
    with pytest.raises(EmptyDocument, match="no text was recognised"):
        images.read(png(picture(())), "a.png")
    with pytest.raises(BrokenDocument, match="damaged"):
        images.read(png(picture())[:300], "a.png")


def test_scanned_pages_are_read_when_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(scan("The first page is text.", WORDS, ()))
    with ParserPool(most=1) as pool:
        without = pool.parse(path)
    assert [(n.code, n.values) for n in without.notes] == [
        ("pages_without_text", {"without": 2, "pages": 3})
    ]
    with ParserPool(most=1, with_ocr=True) as pool:
        document = pool.parse(path)
    assert "The first page is text." in document.text
    assert all(line in document.text for line in WORDS)
    assert document.text[document.pages[1].start :].startswith(WORDS[0])
    assert [(n.code, n.values) for n in document.notes] == [
        ("pages_recognised", {"count": 1}),
        ("pages_blank", {"without": 1, "pages": 3}),
    ]


def test_a_scan_says_how_it_can_be_read() -> None:
    with pytest.raises(EmptyDocument, match="--ocr"):
        pdf.read(scan(WORDS), "a.pdf")


def test_without_the_packages_pictures_in_folders_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png(picture()))
    assert [path.name for path in discover([tmp_path]).files] == ["a.png"]
    monkeypatch.setattr(ocr, "MODULE", "no_such_module")
    found = discover([tmp_path])
    assert found.files == ()
    assert [one.path.name for one in found.skipped] == ["a.png"]
