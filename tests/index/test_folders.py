"""The folder of a knowledge base appears whole, once, and goes whole."""

import os
import threading

import pytest

from ragapp.errors import KnowledgeBaseError, UsageError
from ragapp.index import folders
from ragapp.index.knowledge_base import KnowledgeBase

from .builders import RECIPE, new_kb


def test_of_many_that_create_the_same_one_gets_it_and_the_others_hear_why(tmp_path):
    made, refused = [], []

    def create():
        try:
            made.append(KnowledgeBase.create(tmp_path / "kb" / "new", RECIPE))
        except UsageError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 1
    assert len(refused) == 7
    assert "exists already" in refused[0]
    assert [entry.name for entry in (tmp_path / "kb").iterdir()] == ["new"]


def test_what_killed_processes_left_goes_with_the_next_creation(tmp_path):
    home = tmp_path / "kb"
    for name in (".a.new-123", ".b.deleted-456", ".c.new-789"):
        (home / name).mkdir(parents=True)
        (home / name / "store.sqlite").write_bytes(b"left")
    os.utime(home / ".a.new-123", (0, 0))
    new_kb(home / "d")
    assert {entry.name for entry in home.iterdir()} == {"d", ".c.new-789"}  # c is being made


def test_what_cannot_be_filled_is_not_there(tmp_path):
    def fill(staging):
        (staging / "half").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(KnowledgeBaseError, match="No space left"):
        folders.make(tmp_path / "new", fill)
    assert list(tmp_path.iterdir()) == []


def test_what_is_discarded_is_out_of_sight_at_once_and_then_gone(tmp_path):
    folders.make(tmp_path / "kb", lambda staging: (staging / "file").write_bytes(b"content"))
    hidden = folders.discard(tmp_path / "kb")
    assert hidden.name.startswith(".")
    assert [entry.name for entry in tmp_path.iterdir()] == [hidden.name]
    folders.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
