"""Every file becomes a Document, or one clear line that says what is wrong and what to do."""

import contextlib
import hashlib
import io
import os
import random
import threading
import zipfile
from pathlib import Path

import docx
import pytest

from ragapp.documents.formats import BY_SUFFIX, SUFFIXES
from ragapp.documents.parse import LARGEST_FILE, parse_file, run_reader
from ragapp.documents.readers import Extract, Format
from ragapp.errors import (
    BrokenDocument,
    DocumentError,
    DocumentTooCostly,
    EmptyDocument,
    EncryptedDocument,
    MisnamedDocument,
    UnsupportedFormat,
)

from .pdf_files import english_pdf

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PDF = english_pdf([[("A page of text.", 11)]])


def docx_bytes(*paragraphs: str) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def zip_bytes(*members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return file.getvalue()


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("a.md", b"A page of text.", "text/markdown"),
        ("A.TXT", b"A page of text.", "text/plain"),
        ("a.html", b"<p>A page of text.</p>", "text/html"),
        ("a.docx", docx_bytes("A page of text."), BY_SUFFIX[".docx"].media_type),
    ],
)
def test_each_format_has_a_reader(tmp_path: Path, name: str, data: bytes, media_type: str) -> None:
    path = write(tmp_path, name, data)
    document = parse_file(path)
    assert document.text == "A page of text."
    assert document.name == name
    assert document.path == str(path)
    assert document.media_type == media_type
    assert document.sha256 == hashlib.sha256(data).hexdigest()


def test_an_uploaded_file_goes_by_the_name_it_came_with(tmp_path: Path) -> None:
    path = write(tmp_path, "upload-17", b"# Title\n\nText.")
    assert parse_file(path, name="notes.md").name == "notes.md"
    assert parse_file(path, name="notes.md").headings


@pytest.mark.parametrize(
    ("name", "data", "error", "says"),
    [
        ("report.txt", PDF, MisnamedDocument, "PDF.*ends in .pdf"),
        ("report", PDF, MisnamedDocument, "PDF.*ends in .pdf"),
        ("letter.pdf", docx_bytes("Hi."), MisnamedDocument, "Word.*ends in .docx"),
        ("page.txt", b"<!DOCTYPE html><p>Hi.</p>", MisnamedDocument, "HTML.*ends in .html"),
        ("login.pdf", b"<html><body>Please log in</body></html>", MisnamedDocument, "HTML"),
        ("notes.docx", b"just some text", MisnamedDocument, "plain text.*ends in .txt"),
        ("notes.docx", OLE + b"\0" * 600, MisnamedDocument, "Office 97.*export it as .docx"),
        ("notes.docx", b"{\\rtf1 hello}", MisnamedDocument, "RTF.*ends in .rtf"),
        ("notes.txt", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, MisnamedDocument, "PNG.*ends in .png"),
        (
            "notes.docx",
            zip_bytes("[Content_Types].xml", "xl/workbook.xml"),
            MisnamedDocument,
            "Excel",
        ),
        ("notes.docx", zip_bytes("readme.txt"), MisnamedDocument, "ZIP"),
        ("old.doc", OLE + b"\0" * 600, UnsupportedFormat, "for .doc.*in Word.*export it as .docx"),
        ("old.ppt", OLE + b"\0" * 600, UnsupportedFormat, "for .ppt.*in Power.*export it as .pptx"),
        ("old.xls", OLE + b"\0" * 600, MisnamedDocument, "Office 97"),
        ("old.wps", OLE + b"\0" * 600, UnsupportedFormat, "for .wps.*in Word.*export it as .docx"),
        ("book.pages", b"text", UnsupportedFormat, "for .pages.*in Pages.*export it as .docx"),
        ("a.rar", b"GIF89a" + b"\0" * 9, UnsupportedFormat, "for .gif.*Supported: .pdf"),
        ("slides.pptx", zip_bytes("ppt/presentation.xml"), MisnamedDocument, "ZIP"),
        ("archive.zip", zip_bytes("a.xyz"), BrokenDocument, "no file in it can be read.*a.xyz"),
        ("data.json", b"{broken", BrokenDocument, "breaks off"),
        ("mail.eml", b"just some words", BrokenDocument, "begin like a mail"),
        ("page.mht", b"Subject: x\n\nwords", BrokenDocument, "no web page"),
        ("data.xyz", b"something", UnsupportedFormat, "no reader for .xyz"),
        ("README", b"something", UnsupportedFormat, "no suffix"),
        ("empty.txt", b"", EmptyDocument, "empty"),
        ("blank.md", b" \n\n \t\n", EmptyDocument, "empty"),
        ("empty.pdf", b"", EmptyDocument, "empty"),
        ("empty.html", b"<script>1</script>", EmptyDocument, "no text"),
        ("empty.docx", docx_bytes(), EmptyDocument, "no text"),
        ("rubbish.pdf", bytes(range(256)) * 9, BrokenDocument, "damaged or cut short"),
        ("rubbish.txt", bytes(range(256)) * 9, BrokenDocument, "not text"),
        ("cut.docx", docx_bytes("Hi.")[:2000], BrokenDocument, "damaged"),
        (
            "locked.docx",
            OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
            EncryptedDocument,
            "password",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, name: str, data: bytes, error: type[DocumentError], says: str
) -> None:
    with pytest.raises(error, match=f"(?s){says}") as raised:
        parse_file(write(tmp_path, name, data))
    assert type(raised.value) is error
    line = str(raised.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line


def test_missing_files_folders_and_pipes_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BrokenDocument, match="no such file"):
        parse_file(tmp_path / "nowhere.pdf")
    with pytest.raises(BrokenDocument, match="folder"):
        parse_file(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(BrokenDocument, match="pipe"):
        parse_file(tmp_path / "pipe.txt")


def test_markdown_may_begin_with_html(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", b"<html>\n\n# Title\n\nText.")
    assert parse_file(path).headings[0].title == "Title"


def test_what_a_reader_did_not_foresee_is_that_files_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(data: bytes, name: str) -> Extract:
        raise IndexError(f"nothing in {data!r}")

    broken = Format("Broken", (".bad",), "application/bad", fail)
    with pytest.raises(BrokenDocument, match=r"a\.bad: .*a \.bad file \(IndexError: nothing in"):
        run_reader(broken, b"x", "a.bad")
    assert "in fail" in caplog.text  # the traceback


def test_a_reader_without_enough_memory_says_so() -> None:
    def swell(data: bytes, name: str) -> Extract:
        return Extract("x" * (1 << 62))

    with pytest.raises(DocumentTooCostly, match="memory"):
        run_reader(Format("Huge", (".huge",), "a/b", swell), b"", "a.huge")


def test_a_file_that_grows_is_read_as_it_was_when_opened(tmp_path: Path) -> None:
    path = write(tmp_path, "a.log.txt", b"line\n" * 1000)
    done = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not done.wait(0.001):
                file.write(b"line\n" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(20):
            assert ("line\n" * 100_000).startswith(parse_file(path).text)
    finally:
        done.set()
        writer.join()


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    with pytest.raises(UnsupportedFormat, match="larger than 512 MiB"):
        parse_file(tmp_path / "a.txt")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_foreseen(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(5)
    samples = {".pdf": PDF, ".docx": docx_bytes("中文", "text")}
    whole = samples.get(suffix, "<p>中文</p>\n# text\n".encode("gb18030") * 9)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        torn = bytes(data[: rng.randrange(1, len(data) + 1)])
        with contextlib.suppress(DocumentError):
            parse_file(write(tmp_path, f"a{suffix}", torn))
    assert not [record for record in caplog.records if record.exc_info]  # no reader just failed
