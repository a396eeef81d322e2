"""Every place of a dropped file, and the way back from each after a kill."""

from pathlib import Path

import pytest

from ragapp.uploads import files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kb").mkdir()
    return tmp_path / "kb" / "files"


def dropped(tmp_path: Path, content: str, name: str = "a.txt") -> Path:
    upload = tmp_path / f"upload-{content}"
    upload.write_text(content)
    return files.accept(upload, tmp_path / "home", "kb", name)


def content_of(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


def sha(text: str, tmp_path: Path) -> str:
    file = tmp_path / "sha"
    file.write_text(text)
    return files.sha256_of(file)


def test_a_file_waits_is_placed_and_kept(tmp_path: Path, folder: Path) -> None:
    waiting = dropped(tmp_path, "new")
    assert files.waiting(tmp_path / "home") == {"kb": [waiting]}
    target = files.place(waiting, folder)
    assert files.waiting(tmp_path / "home") == {}
    files.settle(target, keep=True)
    assert content_of(folder) == {"a.txt": "new"}


def test_a_file_that_is_not_kept_gives_way_to_the_earlier_version(
    tmp_path: Path, folder: Path
) -> None:
    files.settle(files.place(dropped(tmp_path, "old"), folder), keep=True)
    files.settle(files.place(dropped(tmp_path, "bad"), folder), keep=False)
    assert content_of(folder) == {"a.txt": "old"}


def test_the_good_version_survives_any_number_of_unsettled_uploads(
    tmp_path: Path, folder: Path
) -> None:
    files.settle(files.place(dropped(tmp_path, "good"), folder), keep=True)
    files.place(dropped(tmp_path, "killed"), folder)  # never settled
    files.settle(files.place(dropped(tmp_path, "bad"), folder), keep=False)
    assert content_of(folder) == {"a.txt": "good"}


@pytest.mark.parametrize(("in_store", "kept"), [("new", "new"), ("old", "old")])
def test_recovery_keeps_the_version_that_the_store_holds(
    tmp_path: Path, folder: Path, in_store: str, kept: str
) -> None:
    files.settle(files.place(dropped(tmp_path, "old"), folder), keep=True)
    target = files.place(dropped(tmp_path, "new"), folder)
    files.recover(folder, {str(target): sha(in_store, tmp_path)}, tmp_path / "home", "kb")
    assert content_of(folder) == {"a.txt": kept}
    waits = [f.read_text() for f in files.waiting(tmp_path / "home").get("kb", [])]
    assert waits == ([] if in_store == "new" else ["new"])


def test_a_file_that_was_placed_and_never_stored_waits_again(tmp_path: Path, folder: Path) -> None:
    files.place(dropped(tmp_path, "new"), folder)
    files.recover(folder, {}, tmp_path / "home", "kb")
    assert content_of(folder) == {}
    assert [f.read_text() for f in files.waiting(tmp_path / "home")["kb"]] == ["new"]
    files.recover(tmp_path / "nowhere", {}, tmp_path / "home", "kb")


def test_a_deleted_file_comes_back_or_goes_for_good(tmp_path: Path, folder: Path) -> None:
    target = files.place(dropped(tmp_path, "a"), folder)
    assert files.bring_back(files.set_aside(target)) == target
    assert content_of(folder) == {"a.txt": "a"}
    files.drop(files.set_aside(target))
    assert content_of(folder) == {}
    files.place(dropped(tmp_path, "b"), folder)
    files.set_aside(target)
    files.recover(folder, {}, tmp_path / "home", "kb")
    assert content_of(folder) == {}, "what was deleted before a kill stays deleted"


def test_a_file_that_came_meanwhile_is_not_overwritten_by_an_undo(
    tmp_path: Path, folder: Path
) -> None:
    aside = files.set_aside(files.place(dropped(tmp_path, "old"), folder))
    files.place(dropped(tmp_path, "new"), folder)
    files.bring_back(aside)
    assert content_of(folder) == {"a.txt": "new"}
