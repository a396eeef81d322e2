"""Folders are followed; a folder that vanishes takes nothing with it."""

import contextlib
import shutil
import threading
import time

import pytest
from fixtures import library

from ragapp import file_events
from ragapp.errors import WatchedFolderGone
from ragapp.ingest import ingest
from ragapp.people import LOCAL
from ragapp.watch import watch

CATS = "The cat sleeps on the warm mat all day long."
DOGS = "Dogs chase the postman down the street."


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(file_events, "BETWEEN_LOOKS_S", 0.1)


@pytest.fixture
def kb(models_dir, tmp_path_factory, request):
    home = tmp_path_factory.getbasetemp() / "watch-home"
    return library(models_dir, home).create(f"kb-{abs(hash(request.node.name))}", LOCAL)


@pytest.fixture
def folder(tmp_path, kb):
    made = tmp_path / "docs"
    made.mkdir()
    (made / "cats.txt").write_text(CATS)
    (made / "dogs.md").write_text(f"# Dogs\n\n{DOGS}\n")
    for number in range(4):
        (made / f"ship-{number}.txt").write_text(f"Ship number {number} has a red sail.")
    ingest([made], kb)
    return made


class Watching:
    """A watcher in a thread, and what it has said."""

    def __init__(self, roots, kb, **options):
        self.seen, self.alarms = {}, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(roots, kb, options))
        self._thread.start()
        time.sleep(0.5)

    def _follow(self, roots, kb, options):
        for found in watch(roots, kb, self._stop, **options):
            self.seen |= {r.path.rsplit("/", 1)[1]: r.status.value for r in found.results}
            self.alarms += found.alarms

    def wait(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)

    def end(self):
        assert self._thread.is_alive()
        self._stop.set()
        self._thread.join()


@pytest.fixture
def watching(folder, kb):
    watcher = Watching([folder], kb)
    yield watcher
    watcher.end()


def names(kb):
    return {document.name for document in kb.kb.documents()}


def test_new_changed_and_removed_files_are_picked_up(kb, folder, watching):
    (folder / "birds.txt").write_text("Birds sing in the morning.")
    (folder / "cats.txt").write_text("The cat has moved to the sofa.")
    (folder / "dogs.md").unlink()
    watching.wait(lambda: len(watching.seen) >= 3)
    assert watching.seen == {"birds.txt": "added", "cats.txt": "updated", "dogs.md": "removed"}
    assert "dogs.md" not in names(kb)


def test_a_moved_file_is_renamed_and_not_read_again(kb, folder, watching):
    (folder / "cats.txt").rename(folder / "felines.txt")
    watching.wait(lambda: "felines.txt" in watching.seen)
    assert watching.seen["felines.txt"] == "renamed"
    assert {"felines.txt"} <= names(kb)
    assert "cats.txt" not in names(kb)


@pytest.mark.parametrize("how", ["renamed", "emptied", "unreadable", "replaced"])
def test_a_folder_that_vanishes_empties_nothing(kb, folder, watching, how):
    before = names(kb)
    away = folder.with_name("away")
    if how == "unreadable":
        folder.chmod(0)
        if not _unreadable(folder):
            folder.chmod(0o755)
            pytest.skip("root reads every folder")
    else:
        shutil.copytree(folder, away)
        shutil.rmtree(folder)
        if how == "emptied":
            folder.mkdir()
        if how == "replaced":  # an empty mount point has come to light
            folder.mkdir()
            (folder / "other.txt").write_text("Something else altogether.")
    watching.wait(lambda: watching.alarms)
    time.sleep(0.5)
    assert names(kb) == before
    [alarm] = watching.alarms
    assert isinstance(alarm, WatchedFolderGone)
    assert str(folder) in str(alarm)


def _unreadable(folder):
    try:
        next(folder.iterdir(), None)
    except PermissionError:
        return True
    return False


def test_emptied_in_place_is_an_alarm_too_and_over_when_the_files_are_back(kb, folder, watching):
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in folder.iterdir():
        file.unlink()
    watching.wait(lambda: watching.alarms)
    assert names(kb) == set(kept)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    (folder / "new.txt").write_text("A new file, to see that watching goes on.")
    watching.wait(lambda: "new.txt" in watching.seen)
    assert names(kb) == {*kept, "new.txt"}
    assert len(watching.alarms) == 1


def test_a_person_may_say_that_missing_files_are_meant_to_be_gone(kb, folder):
    watcher = Watching([folder], kb, remove_missing=True)
    for file in folder.iterdir():
        file.unlink()
    watcher.wait(lambda: len(watcher.seen) == 6)
    watcher.end()
    assert names(kb) == set()


def test_watching_outlasts_another_writer(kb, folder, watching):
    """The page may be ingesting just when a file goes or comes: it is tried again."""
    with kb.kb.writer():
        (folder / "dogs.md").unlink()
        (folder / "birds.txt").write_text("Birds sing in the morning.")
        time.sleep(1)
    watching.wait(lambda: len(watching.seen) >= 2)
    assert watching.seen == {"birds.txt": "added", "dogs.md": "removed"}


def test_watching_outlasts_a_bad_file(kb, folder, watching):
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    watching.wait(lambda: "bad.pdf" in watching.seen)
    (folder / "good.txt").write_text("Read all the same.")
    watching.wait(lambda: "good.txt" in watching.seen)
    assert (watching.seen["bad.pdf"], watching.seen["good.txt"]) == ("failed", "added")


def test_a_file_watched_by_itself_may_go(kb, folder):
    watcher = Watching([folder / "cats.txt"], kb)
    with contextlib.suppress(FileNotFoundError):
        (folder / "cats.txt").unlink()
    watcher.wait(lambda: watcher.seen)
    watcher.end()
    assert watcher.seen == {"cats.txt": "removed"}


@pytest.mark.parametrize("how", ["removed", "changed"])
def test_a_copy_outlives_the_file_that_its_bytes_were_kept_under(kb, folder, how):
    (folder / "zz-copy.txt").write_text(CATS)
    [copy] = [r for r in ingest([folder], kb) if r.path.endswith("zz-copy.txt")]
    assert copy.status.value == "duplicate"
    watcher = Watching([folder], kb)
    if how == "removed":
        (folder / "cats.txt").unlink()
    else:
        (folder / "cats.txt").write_text("The cat has moved to the sofa, for good.")
    watcher.wait(lambda: watcher.seen.get("zz-copy.txt") == "added")
    watcher.end()
    assert "zz-copy.txt" in names(kb)
    assert ("cats.txt" in names(kb)) == (how == "changed")


def test_what_changes_while_the_files_are_read_the_first_time_is_a_change(kb, folder):
    stop = threading.Event()
    rounds = watch([folder], kb, stop)
    ingest([folder], kb)
    (folder / "cats.txt").write_text("The cat has moved to the sofa.")
    (folder / "dogs.md").unlink()
    seen = {}
    for found in rounds:
        seen |= {r.path.rsplit("/", 1)[1]: r.status.value for r in found.results}
        if {"cats.txt", "dogs.md"} <= seen.keys():
            stop.set()
    assert (seen["cats.txt"], seen["dogs.md"]) == ("updated", "removed")
