"""Files made to freeze a reader are read in seconds or refused, in time linear in their size.

Nothing limits the process here, but in the last: the limits of ``workers`` are for what libraries
do.
"""

import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ragapp.documents.parse import parse_file
from ragapp.documents.readers.compose import clean, join_lines
from ragapp.documents.sniff import sniff
from ragapp.documents.split import split_document
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import BrokenDocument, DocumentError

from .hostile_files import docx_of, docx_with_member, nested_forms_pdf, text_boxes_docx

QUICK_S = 2.0  # each takes a tenth of it and less; with the square of the size, minutes
READ_S = 10.0  # for a file of several MB, which takes 1 to 3 s on two slow cores


def count_roughly(texts: Sequence[str]) -> list[int]:
    return [len(text) // 4 + 1 for text in texts]


@pytest.mark.parametrize(
    "head",
    [
        b"<!---->" * 34 + b"x",
        b"<!---->" * 5000,
        b"<!--" * 5000,
        b"<?xml " + b" " * 5000,
        b" " * 5000 + b"x",
        b"<?xml ?>" + b"\n<!-- -->\n" * 400 + b"<htm",
    ],
    ids=lambda head: repr(head[:12]),
)
def test_the_sniffer_takes_no_time(head: bytes) -> None:
    begin = time.perf_counter()
    assert sniff(head) is None
    assert time.perf_counter() - begin < QUICK_S


def test_comments_before_the_first_tag_are_still_passed_over() -> None:
    page = b"\xef\xbb\xbf \n<?xml version='1.0'?>\n" + b"<!-- a > b -->\n" * 50 + b"<!DOCTYPE HTML>"
    assert sniff(page).suffix == ".html"


COLUMNS = 2000
HOSTILE_TEXTS = {
    "comments.txt": b"<!---->" * 34 + b"x",
    "headers.html": b"<header>" * 4000 + b"<h1>x",
    "lists.html": b"<ul>" * 45_000 + b"x",
    "items.html": b"<ul><li>x" * 20_000,
    "tables.html": b"<table><tr><td>" * 20_000 + b"x",
    "rows.html": b"<table>" + b"<tr><td><b>x" * 5_000,
    "breaks.html": b"x<br>" * 200_000,
    "breaks-in-heading.html": b"<h1>" + b"x<br>" * 80_000,
    "start.html": b"<ol start='" + b"1" * 5000 + b"'><li>x</ol>",
    "comments.md": b"x\n\n<div>" + b"<!--" * 100_000,
    "tags.md": b"x\n\n<div>" + b"<a" * 100_000,
    "wrapped.md": b"word\n" * 100_000,
    "emphasis.md": b"*a*b" * 20_000,
    "brackets.md": b"[" * 60_000,
    "columns.md": b"|a" * COLUMNS + b"|\n" + b"|-" * COLUMNS + b"|\n" + b"|x|\n" * 2000,
    "spaces.txt": b"x" + b" " * 200_000 + b"x",
    "dots.txt": b"." * 200_000 + b"x",
    "closers.txt": b".)" * 100_000 + b"x",
    "numerals.txt": "第一".encode() * 100_000,
    "word.txt": b"a" * 2_000_000,
    "line.txt": b"word " * 400_000,
    "line.md": b"word " * 400_000,
    "line.html": b"<p>" + b"word " * 400_000,
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_texts_are_read_and_cut_in_linear_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE_TEXTS[name])
    begin = time.perf_counter()
    list(split_document(parse_file(path), count_roughly, 256))
    assert time.perf_counter() - begin < READ_S


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
def test_thirty_megabytes_in_a_line_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"line{suffix}"
    path.write_bytes(b"word " * 6_000_000)
    assert len(parse_file(path).text) == 29_999_999


def test_cleaning_is_linear_in_white_space() -> None:
    begin = time.perf_counter()
    assert clean("x" + " " * 200_000 + "x \n") == "x" + " " * 200_000 + "x\n"
    assert time.perf_counter() - begin < QUICK_S


def test_joining_is_linear_in_the_lines() -> None:
    begin = time.perf_counter()
    joined = join_lines(["wordless-"] + ["a" * 50 + "-"] * 100_000 + ["end"])
    assert joined.endswith("aend")
    assert "-" not in joined
    assert time.perf_counter() - begin < QUICK_S


def test_a_number_too_long_to_count_from_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(HOSTILE_TEXTS["start.html"])
    assert parse_file(path).text == "1. x"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (docx_with_member(zipfile.ZIP_BZIP2, 64 << 20, 1000), "packed as no document program"),
        (docx_with_member(zipfile.ZIP_LZMA, 64 << 20, 1000), "packed as no document program"),
        (docx_with_member(zipfile.ZIP_DEFLATED, 64 << 20, 64 << 20), "unpack to"),
        (docx_with_member(zipfile.ZIP_DEFLATED, 1 << 20, 1 << 30), "unpack to"),
        (docx_of(b"<w:p/>", 40_000_000), "unpack to"),
    ],
    ids=["bzip2", "lzma", "deflate", "stated", "paragraphs"],
)
def test_archives_that_would_bloat_are_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(data)
    begin = time.perf_counter()
    with pytest.raises(BrokenDocument, match=says):
        parse_file(path)
    assert time.perf_counter() - begin < QUICK_S


def test_a_member_larger_than_it_says_is_read_no_further(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx_with_member(zipfile.ZIP_DEFLATED, 512 << 20, 1000))
    assert parse_file(path).text == "text"


def test_text_boxes_within_one_another_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(text_boxes_docx(60))
    begin = time.perf_counter()
    assert parse_file(path).text == "deep"
    assert time.perf_counter() - begin < QUICK_S


def test_forms_that_show_one_another_cost_their_file_alone(tmp_path: Path) -> None:
    """PDFium follows them all, ten thousand million in all; the worker's limits end that."""
    bomb, few = tmp_path / "bomb.pdf", tmp_path / "few.pdf"
    bomb.write_bytes(nested_forms_pdf(10, 10))
    few.write_bytes(nested_forms_pdf(3, 3))
    begin = time.perf_counter()
    with ParserPool(most=1) as pool:
        with pytest.raises(DocumentError, match=r"bomb\.pdf: "):
            pool.parse(bomb)
        assert set(pool.parse(few).text.split()) == {"deep"}
    assert time.perf_counter() - begin < 6 * READ_S
