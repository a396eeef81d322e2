"""Looks at watched folders come when the system tells of a change, and now and then in any case."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from ragapp import file_events
from ragapp.errors import FileEventsUnavailable

LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(file_events, "BETWEEN_LOOKS_S", 0.2)


class Looks:
    """Looks counted in a thread."""

    def __init__(self, *roots, unsettled=lambda: False):
        self.count, self.said, self.first = 0, [], threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(roots, unsettled))
        self._thread.start()

    def _follow(self, roots, unsettled):
        for said in file_events.looks(roots, self._stop, unsettled):
            if said is None:
                self.count += 1
                self.first.set()
            else:
                self.said.append(said)

    def after(self, change, seconds=3.0):
        """Return how many looks a change leads to within some seconds."""
        before = self.count
        change()
        deadline = time.monotonic() + seconds
        while self.count == before and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.count - before

    def end(self):
        began = time.monotonic()
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        return time.monotonic() - began


@pytest.fixture
def looks(tmp_path):
    (tmp_path / "docs" / "deep" / "er").mkdir(parents=True)
    made = Looks(tmp_path / "docs")
    made.first.wait(10)
    yield made
    assert made.end() < 2


def test_a_folder_where_nothing_happens_is_looked_at_once(looks):
    assert looks.after(lambda: None, 1.5) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda docs: (docs / "new.txt").write_text("new"),
        lambda docs: (docs / "deep" / "er" / "new.txt").write_text("new"),
        lambda docs: (docs / "made").mkdir(),
        lambda docs: shutil.rmtree(docs / "deep"),
        lambda docs: (docs / "deep").rename(docs / "renamed"),
    ],
)
def test_a_change_leads_to_a_look(looks, tmp_path, change):
    assert looks.after(lambda: change(tmp_path / "docs"))


def test_reading_a_file_is_no_change(looks, tmp_path):
    (tmp_path / "docs" / "a.txt").write_text("a")
    looks.after(lambda: None, 1.0)
    assert looks.after(lambda: (tmp_path / "docs" / "a.txt").read_text(), 1.0) == 0


def test_a_folder_put_in_the_place_of_another_is_followed(looks, tmp_path):
    def replace():
        (tmp_path / "docs").rename(tmp_path / "away")
        (tmp_path / "docs").mkdir()

    assert looks.after(replace)
    time.sleep(1)
    assert looks.after(lambda: (tmp_path / "docs" / "new.txt").write_text("new"))


def test_a_folder_that_is_not_there_yet(tmp_path):
    looks = Looks(tmp_path / "later")
    (tmp_path / "later").mkdir()
    time.sleep(1)
    assert looks.after(lambda: (tmp_path / "later" / "new.txt").write_text("new"))
    looks.end()


def test_what_has_not_settled_is_looked_at_again(tmp_path):
    looks = Looks(tmp_path, unsettled=lambda: True)
    assert looks.after(lambda: time.sleep(2)) >= 3
    looks.end()


def test_untold_changes_are_found_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(file_events, "UNTOLD_S", 0.5)
    looks = Looks(tmp_path)
    assert looks.after(lambda: time.sleep(2)) >= 2
    looks.end()


@pytest.mark.skipif(not LIMIT.exists(), reason="a system without inotify")
def test_more_folders_than_the_system_follows_are_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(file_events, "POLL_S", 0.2)
    before = LIMIT.read_text()
    for number in range(40):
        (tmp_path / f"folder-{number}").mkdir()
    try:
        LIMIT.write_text("20")
    except OSError:
        pytest.skip("only root sets the limit")
    try:
        looks = Looks(tmp_path)
        assert looks.after(lambda: (tmp_path / "new.txt").write_text("new"))
    finally:
        LIMIT.write_text(before)
    looks.end()
    [said] = looks.said
    assert isinstance(said, FileEventsUnavailable)
    assert "max_user_watches" in str(said)


def test_a_folder_that_stays_locked_is_looked_through_and_said_once(tmp_path, monkeypatch):
    asked = []

    def locked(*_, **options):
        asked.append(options["ignore_permission_denied"])
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_events, "POLL_S", 0.2)
    monkeypatch.setattr("watchfiles.watch", locked)  # root may read everything
    looks = Looks(tmp_path)
    assert looks.after(lambda: None)
    looks.end()
    assert asked == [False, True]
    assert len(looks.said) == 1
