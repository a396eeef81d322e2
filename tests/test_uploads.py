"""Names of uploads, and what happens to the files of a knowledge base."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ragapp import paths
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.settings import Settings
from ragapp.types import Stage
from ragapp.uploads import FileRow, IngestQueue, safe_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("报告（终稿）《二》.pdf", "报告（终稿）《二》.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\docs\\a.md", "C__docs_a.md"),
        (".hidden.md", "hidden.md"),
        ("~$lock.docx", "lock.docx"),
        ("evil\u202efdp.exe", "evil_fdp.exe"),
        ("e\u0301.txt", "é.txt"),
        ("   ", "document"),
    ],
)
def test_names_are_made_safe_and_stay_readable(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_long_names_keep_their_suffix() -> None:
    name = safe_name("长" * 200 + ".pdf")
    assert name.endswith("长.pdf")
    assert len(name.encode()) <= 204


@pytest.fixture(scope="module")
def library(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(Settings(home=tmp_path_factory.mktemp("home"), models=models_dir))


def add(queue: IngestQueue, folder: Path, kb: str, **files: bytes) -> dict[str, FileRow]:
    """Upload files (``__`` in a name stands for the dot) and wait for their rows."""
    uploads = []
    for name, content in files.items():
        upload = folder / name.replace("__", ".")
        upload.write_bytes(content)
        uploads.append(upload)
    queue.add(kb, uploads)
    ends = time.monotonic() + 60
    while queue.state(kb).active:
        assert time.monotonic() < ends
        queue.wait(queue.state(kb).version, 1.0)
    assert not any(upload.exists() for upload in uploads)
    return {row.name: row for row in queue.state(kb).rows}


@pytest.mark.slow
def test_an_upload_is_updated_kept_or_taken_away(library: Library, tmp_path: Path) -> None:
    queue = IngestQueue(library)
    rows = add(
        queue, tmp_path, "kb",
        a__txt=b"The mill was built in 1750.", bad__pdf=b"%PDF-1.4 nothing",
        copy__txt=b"The mill was built in 1750.",
    )  # fmt: skip
    folder = paths.uploads(library.open("kb", LOCAL).kb.folder)
    assert rows["a.txt"].status == "added"
    assert rows["bad.pdf"].stage is Stage.FAILED
    assert "bad.pdf" in rows["bad.pdf"].error
    assert rows["copy.txt"].status == "duplicate"
    assert [file.name for file in folder.iterdir() if file.is_file()] == ["a.txt"]

    rows = add(queue, tmp_path, "kb", a__txt=b"The mill was built in 1751, says the stone.")
    assert rows["a.txt"].status == "updated"
    rows = add(queue, tmp_path, "kb", a__txt=b"\x00\x01\x02 not text at all \x00\xff" * 50)
    assert rows["a.txt"].stage is Stage.FAILED
    assert b"1751" in (folder / "a.txt").read_bytes()
    assert [d.name for d in library.open("kb", LOCAL).kb.documents()] == ["a.txt"]
