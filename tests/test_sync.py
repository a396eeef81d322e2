"""A folder mirrored: also what went while nobody looked, and nothing when the folder is gone."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from fixtures import library

from ragapp import ingest as ingest_module
from ragapp.documents import stream
from ragapp.errors import WatchedFolderGone
from ragapp.ingest import Status, ingest
from ragapp.people import LOCAL
from ragapp.sync import plan, sync

LONG_AGO = time.time() - 3600


@pytest.fixture
def kb(models_dir, tmp_path_factory, request):
    home = tmp_path_factory.getbasetemp() / "sync-home"
    return library(models_dir, home).create(f"kb-{abs(hash(request.node.name))}", LOCAL)


def write(path, text, when=LONG_AGO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


@pytest.fixture
def folder(tmp_path, kb):
    for number in range(6):
        write(tmp_path / "docs" / f"ship-{number}.txt", f"Ship number {number} has a red sail.")
    write(tmp_path / "elsewhere.txt", "The harbour opens at seven.")
    ingest([tmp_path / "docs", tmp_path / "elsewhere.txt"], kb)
    return tmp_path / "docs"


def statuses(results):
    return {result.path.rsplit("/", 1)[1]: result.status for result in results}


def names(kb):
    return {document.name for document in kb.kb.documents()}


def test_what_is_new_comes_in_and_what_has_gone_goes_out(folder, kb):
    (folder / "ship-0.txt").unlink()
    (folder / "ship-1.txt").rename(folder / "moved.txt")
    write(folder / "ship-2.txt", "Ship number 2 has a blue sail now.", LONG_AGO + 60)
    write(folder / "sub" / "new.txt", "A seal sleeps on the rock.")
    planned = plan(folder, kb)
    assert [path.rsplit("/", 1)[1] for path in planned.gone] == ["ship-0.txt", "ship-1.txt"]
    assert not planned.takes_many
    said = statuses(sync(planned, kb))
    assert said == {
        "ship-0.txt": Status.REMOVED,
        "moved.txt": Status.RENAMED,
        "ship-2.txt": Status.UPDATED,
        "new.txt": Status.ADDED,
        "ship-3.txt": Status.UNCHANGED,
        "ship-4.txt": Status.UNCHANGED,
        "ship-5.txt": Status.UNCHANGED,
    }
    assert "elsewhere.txt" in names(kb)


def test_more_than_a_few_are_asked_about(folder, kb):
    for number in range(5):
        (folder / f"ship-{number}.txt").unlink()
    planned = plan(folder, kb)
    assert planned.takes_many
    assert len(planned.gone) == 5
    assert len(names(kb)) == 7


def test_a_folder_that_is_missing_or_empty_takes_nothing_with_it(folder, kb):
    away = folder.with_name("away")
    folder.rename(away)
    with pytest.raises(WatchedFolderGone, match="nothing of its 6 documents"):
        plan(folder, kb)
    folder.mkdir()
    with pytest.raises(WatchedFolderGone):
        plan(folder, kb)
    shutil.rmtree(folder)
    away.rename(folder)
    assert plan(folder, kb).gone == ()
    assert len(names(kb)) == 7


def test_a_folder_that_vanishes_after_the_plan_takes_nothing_with_it(folder, kb):
    (folder / "ship-0.txt").unlink()
    planned = plan(folder, kb)
    folder.rename(folder.with_name("away"))
    with pytest.raises(WatchedFolderGone):
        sync(planned, kb)
    assert "ship-0.txt" in names(kb)


def test_unchanged_files_cost_a_stat(folder, kb, monkeypatch):
    read = []
    monkeypatch.setattr(
        "ragapp.documents.stream._sha256", lambda file: read.append(file.name) or ""
    )
    assert set(statuses(ingest([folder], kb)).values()) == {Status.UNCHANGED}
    assert read == []


def test_a_touched_file_costs_a_hash_once(folder, kb, monkeypatch):
    os.utime(folder / "ship-0.txt", (LONG_AGO + 60, LONG_AGO + 60))
    hashed = []
    plain = ingest_module.parse_ahead

    def counting(files, pool, is_unchanged, is_known, *rest):
        hashed.append([file.name for file in files if not is_unchanged(file)])
        return plain(files, pool, is_unchanged, is_known, *rest)

    monkeypatch.setattr(ingest_module, "parse_ahead", counting)
    for _ in range(2):
        assert set(statuses(ingest([folder], kb)).values()) == {Status.UNCHANGED}
    assert hashed == [["ship-0.txt"], []]


def test_a_file_written_a_moment_ago_is_read_again(folder, kb):
    path = folder / "ship-0.txt"
    write(path, "Ship number 0 has a red sail!", time.time())
    ingest([folder], kb)
    state = path.stat()
    path.write_text("Ship number 0 has a new sail!")
    os.utime(path, ns=(state.st_mtime_ns, state.st_mtime_ns))
    assert statuses(ingest([folder], kb))["ship-0.txt"] == Status.UPDATED


def test_a_relative_folder_is_the_same_folder(folder, kb, monkeypatch):
    (folder / "ship-0.txt").unlink()
    (folder.parent / "beside").mkdir()
    monkeypatch.chdir(folder.parent / "beside")
    assert plan(Path("../docs"), kb) == plan(folder, kb)
    assert len(plan(Path("../docs"), kb).gone) == 1


def test_a_file_saved_while_it_waited_is_read_the_next_time(folder, kb, monkeypatch):
    path = folder / "ship-0.txt"
    os.utime(path, (LONG_AGO + 60, LONG_AGO + 60))  # hashed, and its bytes are known
    take = ingest_module._Run._take_known

    def later(self, parsed, pool):
        write(path, "Ship number 0 has a new sail.", LONG_AGO + 120)
        take(self, parsed, pool)

    monkeypatch.setattr(ingest_module._Run, "_take_known", later)
    ingest([folder], kb)
    monkeypatch.undo()
    assert statuses(ingest([folder], kb))["ship-0.txt"] == Status.UPDATED


def test_a_file_whose_removal_was_not_published_comes_back(folder, kb):
    with kb.kb.writer() as writer:  # killed before it published
        writer.remove(writer.find(path=str(folder / "ship-0.txt"))[0].id)
    ingest([folder], kb)
    assert "ship-0.txt" in names(kb)


def test_files_between_unchanged_ones_are_parsed_side_by_side(folder, kb, monkeypatch):
    live, most, lock = [0], [0], threading.Lock()

    def slow(file, *_):
        with lock:
            live[0] += 1
            most[0] = max(most[0], live[0])
        time.sleep(0.1)
        with lock:
            live[0] -= 1
        return stream.ParsedFile(file, sha256="known")

    monkeypatch.setattr(stream, "_parse", slow)
    files = [folder / str(number) for number in range(12)]
    unchanged = {file for number, file in enumerate(files) if number % 2}
    parsed = list(stream.parse_ahead(files, None, unchanged.__contains__, None, None, None))
    assert [one.path for one in parsed] == files
    assert most[0] > 1


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_what_cannot_be_looked_at_is_not_gone(folder, kb, monkeypatch, error):
    plain = Path.stat

    def locked(self, **more):
        if self.name == "ship-0.txt":
            raise error(13, "locked")
        return plain(self, **more)

    (folder / "ship-0.txt").rename(folder.parent / "away.txt")
    monkeypatch.setattr(Path, "stat", locked)
    assert plan(folder, kb).gone == ()
