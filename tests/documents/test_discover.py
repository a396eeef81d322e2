"""Which files are read when a person names files and folders."""

import os
from pathlib import Path

import pytest

from ragapp.documents.discover import discover
from ragapp.documents.parse import parse_file
from ragapp.errors import BrokenDocument


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text")
    return path


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    expected = [touch(tmp_path / name) for name in ("a/1.md", "a/2.TXT", "b.pdf", "中文.docx")]
    touch(tmp_path / "a/picture.png")
    touch(tmp_path / "b.bin")
    assert discover([tmp_path]) == expected


def test_hidden_files_folders_and_lock_files_are_skipped(tmp_path: Path) -> None:
    for name in (".git/a.md", ".hidden.md", "~$open.docx"):
        touch(tmp_path / name)
    seen = touch(tmp_path / "seen.md")
    assert discover([tmp_path]) == [seen]


def test_a_folder_named_explicitly_may_be_hidden(tmp_path: Path) -> None:
    note = touch(tmp_path / ".notes/a.md")
    assert discover([tmp_path / ".notes"]) == [note]


def test_a_file_named_explicitly_is_returned_whatever_it_is(tmp_path: Path) -> None:
    assert discover([touch(tmp_path / "a.xyz")]) == [tmp_path / "a.xyz"]


def test_a_missing_path_is_returned_so_that_its_error_names_it(tmp_path: Path) -> None:
    good = touch(tmp_path / "a.md")
    missing, found = discover([tmp_path / "nowhere.md", good])
    assert found == good
    with pytest.raises(BrokenDocument, match=r"nowhere\.md: no such file"):
        parse_file(missing)


def test_each_file_comes_once(tmp_path: Path) -> None:
    path = touch(tmp_path / "a/b.md")
    assert discover([tmp_path, path, tmp_path / "a", tmp_path / "a/../a/b.md"]) == [path]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    path = touch(tmp_path / "a/b.md")
    (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
    assert discover([tmp_path]) == [path]


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/b.md")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert discover([tmp_path / "docs"]) == [tmp_path / "docs/link/b.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_folder_is_returned_so_that_its_error_names_it(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    assert discover([tmp_path]) == [locked]
    with pytest.raises(BrokenDocument, match="cannot be opened"):
        parse_file(locked)
