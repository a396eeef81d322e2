"""Names of uploads are safe for every file system and stay readable."""

from pathlib import Path

import pytest

from ragapp.uploads.names import distinct, safe_name


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


@pytest.mark.parametrize(
    "given", ["b." + "章" * 200, "." * 300 + "a", "a" * 400, "a." * 150, "x" * 199 + ". .pdf"]
)
def test_whatever_is_long_fits_a_file_system(given: str, tmp_path: Path) -> None:
    name = safe_name(given)
    assert len(name.encode()) <= 204
    assert not name.endswith((".", " "))
    (tmp_path / name).touch()


def test_files_of_one_drop_with_the_same_name_are_told_apart() -> None:
    assert distinct(["a.txt", "a.txt", "b", "b"]) == ["a.txt", "a (2).txt", "b", "b (2)"]
