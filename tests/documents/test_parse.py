"""Every file becomes a Document, or one clear line that says what is wrong and what to do."""

import contextlib
import hashlib
import io
import os
import random
import zipfile
from pathlib import Path

import docx
import pytest

from ragapp.documents.formats import BY_SUFFIX, SUFFIXES
from ragapp.documents.parse import parse_file
from ragapp.errors import (
    BrokenDocument,
    DocumentError,
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
        ("notes.docx", OLE + b"\0" * 600, MisnamedDocument, "old Office.*save it as .docx"),
        ("notes.docx", b"{\\rtf1 hello}", MisnamedDocument, "RTF.*save it as .docx"),
        ("notes.txt", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, MisnamedDocument, "picture"),
        ("notes.docx", zip_bytes("xl/workbook.xml"), MisnamedDocument, "Excel"),
        ("notes.docx", zip_bytes("readme.txt"), MisnamedDocument, "ZIP"),
        ("old.doc", OLE + b"\0" * 600, UnsupportedFormat, "save it as .docx"),
        ("slides.pptx", zip_bytes("ppt/presentation.xml"), UnsupportedFormat, "Export it as .pdf"),
        ("archive.zip", zip_bytes("a.txt"), UnsupportedFormat, "Supported: .pdf"),
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


def test_every_suffix_has_a_reader_that_reads() -> None:
    assert set(SUFFIXES) == set(BY_SUFFIX)
    assert all(callable(one.read) for one in BY_SUFFIX.values())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_bytes_never_raise_anything_but_document_errors(tmp_path: Path, suffix: str) -> None:
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
