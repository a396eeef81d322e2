"""Word and PowerPoint files of before 2007 are read where LibreOffice is installed."""

import http.server
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ragapp.documents.formats import readable_suffixes
from ragapp.documents.parse import parse_file
from ragapp.documents.readers import legacy
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import BrokenDocument, Cancelled, UnsupportedFormat

from .ole_files import ole_file

needs_office = pytest.mark.skipif(legacy.program() is None, reason="LibreOffice is not installed")


def convert(source: Path, suffix: str, *options: str) -> Path:
    """Save a file in an old format, with a profile as it comes."""
    profile = (source.parent / "profile").as_uri()
    subprocess.run(
        [legacy.program(), "--headless", *options, f"-env:UserInstallation={profile}",
         "--convert-to", suffix, "--outdir", source.parent, source],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return source.with_suffix(f".{suffix}")


@pytest.fixture
def word(tmp_path):
    """A .doc with a heading, Chinese words and a table."""
    from docx import Document

    document = Document()
    document.add_heading("Holidays 假期", 1)
    document.add_paragraph("Employees have thirty days. 员工每年有三十天假期。")
    table = document.add_table(2, 2)
    for place, text in enumerate(("City", "Days", "Lyon", "27")):
        table.cell(place // 2, place % 2).text = text
    document.add_paragraph("After it.")
    document.save(tmp_path / "rules.docx")
    return convert(tmp_path / "rules.docx", "doc")


@needs_office
def test_a_word_file_is_read_with_its_headings_and_tables(word):
    read = parse_file(word)
    assert read.media_type == "application/msword"
    assert "员工每年有三十天假期。" in read.text
    assert [heading.title for heading in read.headings] == ["Holidays 假期"]
    assert "City: Lyon" in read.text
    assert "Days: 27" in read.text


@needs_office
def test_a_presentation_is_read_slide_by_slide(tmp_path):
    from pptx import Presentation

    made = Presentation()
    for title in ("First slide", "第二张"):
        slide = made.slides.add_slide(made.slide_layouts[5])
        slide.shapes.title.text = title
    made.save(tmp_path / "talk.pptx")
    read = parse_file(convert(tmp_path / "talk.pptx", "ppt"))
    assert [read.text[page.start : page.end].strip() for page in read.pages] == [
        "First slide", "第二张",
    ]  # fmt: skip


@needs_office
def test_in_a_worker_under_its_limits(word):
    with ParserPool(most=1) as pool:
        assert "thirty days" in pool.parse(word).text


@needs_office
def test_whoever_stops_the_reading_ends_the_program_as_well(word):
    with ParserPool(most=1) as pool:
        began = time.monotonic()

        def cancel():
            return _running(word.parent) or time.monotonic() - began > 20

        with pytest.raises(Cancelled):
            pool.parse(word, cancel=cancel)
    deadline = time.monotonic() + 5
    while _running(word.parent) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running(word.parent)


def _running(_: Path) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"ragapp-office-" in (process / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@needs_office
def test_nothing_is_fetched_that_a_document_links_to(tmp_path):
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/beacon.png"
    page = tmp_path / "page.html"
    page.write_text(f'<html><body><p>Words here.</p><img src="{address}"></body></html>')
    made = convert(page, "doc", "--infilter=HTML (StarWriter)")
    assert asked  # the program as it comes does fetch it
    asked.clear()
    assert "Words here." in parse_file(made).text
    server.shutdown()
    assert asked == []


@needs_office
def test_a_damaged_file(tmp_path):
    file = tmp_path / "broken.doc"
    file.write_bytes(ole_file({"WordDocument": b"\0" * 5000}))
    with pytest.raises(BrokenDocument, match="LibreOffice could not open it"):
        parse_file(file)


def test_without_the_program_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "old.doc"
    file.write_bytes(ole_file({"WordDocument": b"\0" * 5000}))
    with pytest.raises(UnsupportedFormat, match=r"save or export it as \.docx.*LibreOffice"):
        parse_file(file)
    assert ".doc" not in readable_suffixes()
