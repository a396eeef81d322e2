"""Which files are read when a person names files and folders."""

import os
import socket
from pathlib import Path

import pytest

from ragapp.documents.discover import Found, discover
from ragapp.documents.parse import parse_file
from ragapp.errors import BrokenDocument


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text")
    return path


def files(*paths: Path) -> list[Path]:
    return list(discover(paths).files)


def skipped(found: Found) -> list[tuple[Path, str]]:
    return [(one.path, one.error.code) for one in found.skipped]


def reasons(found: Found) -> list[str]:
    return [code for _, code in skipped(found)]


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    expected = [touch(tmp_path / name) for name in ("a/1.md", "a/2.TXT", "b.pdf", "中文.docx")]
    assert discover([tmp_path]) == Found(tuple(expected))


def test_what_no_reader_knows_is_named(tmp_path: Path) -> None:
    known = touch(tmp_path / "minutes.txt")
    unknown = [touch(tmp_path / name) for name in ("README", "a/budget.numbers", "site.xyz")]
    found = discover([tmp_path])
    assert found.files == (known,)
    assert skipped(found) == [(path, "no_reader_in_folder") for path in unknown]


def test_hidden_files_folders_and_lock_files_are_skipped(tmp_path: Path) -> None:
    for name in (".git/a.md", ".hidden.md", "~$open.docx"):
        touch(tmp_path / name)
    seen = touch(tmp_path / "seen.md")
    assert files(tmp_path) == [seen]


def test_folders_of_installed_code_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path / "node_modules/left-pad/index.js")
    touch(tmp_path / "lib/__pycache__/a.py")
    ours = touch(tmp_path / "lib/a.py")
    assert files(tmp_path) == [ours]


@pytest.mark.parametrize("name", [".notes", "node_modules"])
def test_a_folder_named_explicitly_may_be_one_that_is_skipped(tmp_path: Path, name: str) -> None:
    note = touch(tmp_path / name / "a.md")
    assert files(tmp_path / name) == [note]


def test_a_file_named_explicitly_is_returned_whatever_it_is(tmp_path: Path) -> None:
    assert files(touch(tmp_path / "a.xyz")) == [tmp_path / "a.xyz"]


def test_a_missing_path_is_returned_so_that_its_error_names_it(tmp_path: Path) -> None:
    good = touch(tmp_path / "a.md")
    missing, found = files(tmp_path / "nowhere.md", good)
    assert found == good
    with pytest.raises(BrokenDocument, match=r"nowhere\.md: no such file"):
        parse_file(missing)


def test_each_file_comes_once(tmp_path: Path) -> None:
    path = touch(tmp_path / "a/b.md")
    assert files(tmp_path, path, tmp_path / "a", tmp_path / "a/../a/b.md") == [path]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    path = touch(tmp_path / "a/b.md")
    (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
    assert files(tmp_path) == [path]


def test_links_that_stay_in_the_folder_are_followed_and_find_nothing_twice(tmp_path: Path) -> None:
    hidden = touch(tmp_path / ".versions/3/b.md")
    plain = touch(tmp_path / "z/c.md")
    (tmp_path / "current").symlink_to(hidden.parent, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path / "z", target_is_directory=True)
    (tmp_path / "c.md").symlink_to(plain)
    assert discover([tmp_path]) == Found((plain, tmp_path / "current/b.md"))


@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/b.md", "/", "/etc"])
def test_links_that_lead_out_of_the_folder_are_named_and_not_followed(
    tmp_path: Path, target: str
) -> None:
    touch(tmp_path / "elsewhere/b.md")
    inside = touch(tmp_path / "docs/a/a.md")
    link = tmp_path / "docs/a/link.md"
    link.symlink_to(tmp_path / target)
    found = discover([tmp_path / "docs"])
    assert found.files == (inside,)
    assert skipped(found) == [(link, "link_leads_outside")]


def test_a_link_out_of_the_folder_through_one_within_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/b.md")
    (tmp_path / "docs/.hidden").mkdir(parents=True)
    (tmp_path / "docs/.hidden/out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "docs/in").symlink_to(tmp_path / "docs/.hidden", target_is_directory=True)
    (tmp_path / "docs/out").symlink_to(tmp_path / "docs/in/out", target_is_directory=True)
    found = discover([tmp_path / "docs"])
    assert found.files == ()
    assert set(reasons(found)) == {"link_leads_outside"}


def test_a_linked_folder_may_be_named_explicitly(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/b.md")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert files(tmp_path / "link") == [tmp_path / "link/b.md"]


def test_links_among_folders_do_not_multiply_what_is_found(tmp_path: Path) -> None:
    for level in range(24):
        touch(tmp_path / f"{level}/{level}.md")
        for name in ("x", "y"):
            (tmp_path / f"{level}/{name}").symlink_to(tmp_path / f"{level + 1}")
    assert len(files(tmp_path)) == 24


def test_links_to_nothing_and_to_themselves_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "gone.md")
    (tmp_path / "b.md").symlink_to(tmp_path / "b.md")
    assert reasons(discover([tmp_path])) == ["link_leads_nowhere"] * 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_and_sockets_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.md"))
        assert reasons(discover([tmp_path])) == ["no_file_in_folder"] * 2


def test_folders_may_lie_deeper_than_recursion_reaches(tmp_path: Path) -> None:
    levels = [tmp_path / "/".join("a" * depth) for depth in range(1, 1500)]
    for level in levels:
        level.mkdir()
    try:
        assert discover([tmp_path]) == Found(())
    finally:
        for level in reversed(levels):  # pytest would remove them by recursion
            level.rmdir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_folder_is_returned_so_that_its_error_names_it(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    assert files(tmp_path) == [locked]
    with pytest.raises(BrokenDocument, match="cannot be opened"):
        parse_file(locked)
