"""Uploads are read in turn; what becomes of their files, also when the program is killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ragapp import paths
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.settings import Settings
from ragapp.types import Progress, Stage
from ragapp.uploads import files
from ragapp.uploads.queue import FileRow, IngestQueue, of_all


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
    assert "bad.pdf" in str(rows["bad.pdf"].error)
    assert rows["copy.txt"].status == "duplicate"
    assert [file.name for file in folder.iterdir() if file.is_file()] == ["a.txt"]

    rows = add(queue, tmp_path, "kb", a__txt=b"The mill was built in 1751, says the stone.")
    assert rows["a.txt"].status == "updated"
    rows = add(queue, tmp_path, "kb", a__txt=b"\x00\x01\x02 not text at all \x00\xff" * 50)
    assert rows["a.txt"].stage is Stage.FAILED
    assert b"1751" in (folder / "a.txt").read_bytes()
    assert [d.name for d in library.open("kb", LOCAL).kb.documents()] == ["a.txt"]


def settled(queue: IngestQueue, kb: str) -> dict[str, FileRow]:
    ends = time.monotonic() + 60
    while queue.state(kb).active:
        assert time.monotonic() < ends
        queue.wait(queue.state(kb).version, 1.0)
    return {row.name: row for row in queue.state(kb).rows}


@pytest.mark.slow
def test_an_upload_killed_while_it_replaced_a_good_file_loses_neither(
    library: Library, tmp_path: Path
) -> None:
    add(IngestQueue(library), tmp_path, "killed", a__txt=b"The mill was built in 1750.")
    folder = paths.uploads(library.open("killed", LOCAL).kb.folder)
    # The program ended after the new file was placed, before it was read.
    new = tmp_path / "a.txt"
    new.write_bytes(b"\x00\x01\x02 not text at all \x00\xff" * 50)
    files.place(files.accept(new, library.settings.home, "killed", "a.txt"), folder)
    later = IngestQueue(library)
    later.recover()
    settled(later, "killed")
    assert b"1750" in (folder / "a.txt").read_bytes()
    # and the next bad upload of that name does not destroy it either
    add(later, tmp_path, "killed", a__txt=b"\x00\x01\x02 not text at all \x00\xff" * 60)
    assert b"1750" in (folder / "a.txt").read_bytes()


@pytest.mark.slow
def test_uploads_that_waited_when_the_program_was_killed_are_read_by_the_next(
    library: Library, tmp_path: Path
) -> None:
    library.open_or_create("waited", LOCAL)
    upload = tmp_path / "late.txt"
    upload.write_bytes(b"The bridge was opened in 1931.")
    files.accept(upload, library.settings.home, "waited", "late.txt")
    placed = tmp_path / "placed.txt"
    placed.write_bytes(b"The tower is 60 m high.")
    folder = paths.uploads(library.open("waited", LOCAL).kb.folder)
    files.place(files.accept(placed, library.settings.home, "waited", "placed.txt"), folder)
    queue = IngestQueue(library)
    queue.recover()
    rows = settled(queue, "waited")
    assert {row.status for row in rows.values()} == {"added"}
    names = [d.name for d in library.documents("waited", LOCAL)]
    assert sorted(names) == ["late.txt", "placed.txt"]
    assert not list(paths.waiting(library.settings.home, "waited").rglob("*.txt"))


@pytest.mark.slow
def test_files_are_searchable_one_after_another_and_the_rest_is_counted(
    library: Library, tmp_path: Path
) -> None:
    queue = IngestQueue(library)
    uploads = []
    for number in range(60):
        file = tmp_path / f"{number:02}.txt"
        file.write_text(f"Ship number {number} carries {number + 7} sailors. " * 40)
        uploads.append(file)
    queue.add("many", uploads)
    seen = set()
    ends = time.monotonic() + 120
    while queue.state("many").active and time.monotonic() < ends:
        waiting, total = queue.unsearchable("many")
        there = len(library.documents("many", LOCAL)) if "many" in library.names(LOCAL) else 0
        if there:
            seen.add(there)
            assert waiting + there >= total - 1  # a row is done when its document is searchable
        time.sleep(0.05)
    assert min(seen) < 60
    assert queue.unsearchable("many") == (0, 60)


def test_files_that_wait_behind_a_batch_count_in_how_far_the_run_is() -> None:
    rows = [FileRow("a", Stage.DONE), FileRow("b", Stage.FAILED), FileRow("c", Stage.PARSING)]
    rows += [FileRow("waits")] * 3
    run = Progress(Stage.RUNNING, "kb", 2, 3, per_s=5.0, left_s=10.0)
    told = of_all(run, rows)
    assert (told.done, told.total, told.per_s, told.left_s) == (2, 6, 5.0, 40.0)
    assert of_all(Progress(Stage.RUNNING, "kb", 2, 3), rows).left_s is None
    assert of_all(Progress(Stage.RUNNING, "kb", 3, 3, left_s=1.0), rows[:2]).left_s == 1.0
