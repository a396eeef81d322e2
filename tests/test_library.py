"""One door to knowledge bases, which keep the models they were made with."""

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from fixtures import E5, library

from ragapp import paths
from ragapp.ask import AnswerMode, Asked, ask, find
from ragapp.embedding.pool import Pooling
from ragapp.errors import (
    KnowledgeBaseMismatch,
    KnowledgeBaseMissing,
    ModelError,
    ModelMissing,
    SettingsError,
    UsageError,
)
from ragapp.index.store import Store
from ragapp.ingest import Status, ingest
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.settings import Settings


@pytest.fixture
def shelf(models_dir, tmp_path_factory):
    return library(models_dir, tmp_path_factory.getbasetemp() / "library-home")


@pytest.fixture
def settings(models_dir, tmp_path):
    return Settings(home=tmp_path / "home", models=models_dir)


def change_meta(within, **values):
    store = Store.open(paths.store_file(within.kb.folder))
    with store.transaction():
        store.set_meta(values)
    store.close()


def test_a_knowledge_base_is_made_opened_listed_and_deleted(shelf):
    made = shelf.create("笔记", LOCAL)
    assert shelf.open("笔记", LOCAL) is made
    assert "笔记" in shelf.names(LOCAL)
    [summary] = [each for each in shelf.summaries(LOCAL) if each.name == "笔记"]
    assert (summary.documents, summary.chunks, summary.embedder) == (0, 0, E5)
    with pytest.raises(UsageError, match="exists already"):
        shelf.create("笔记", LOCAL)
    shelf.delete("笔记", LOCAL)
    assert "笔记" not in shelf.names(LOCAL)
    with pytest.raises(KnowledgeBaseMissing):
        shelf.open("笔记", LOCAL)


def test_one_made_anew_under_an_old_name_is_not_the_old_one(shelf):
    old = shelf.create("again", LOCAL)
    shelf.delete("again", LOCAL)
    new = shelf.open_or_create("again", LOCAL)
    assert new is not old
    assert shelf.open("again", LOCAL) is new


def test_knowledge_bases_share_an_encoder_in_all_threads(shelf):
    opened = []
    threads = [
        threading.Thread(target=lambda n=n: opened.append(shelf.open_or_create(n, LOCAL)))
        for n in ("one", "two", "three")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each.encoder) for each in opened}) == 1
    assert len(opened) == 3


def test_a_knowledge_base_keeps_its_settings_when_those_of_now_differ(shelf):
    shelf.create("kept", LOCAL)
    changed = shelf.settings.having(
        pooling="cls", whitening=False, chunk_tokens=50, whitening_exponent=0.5
    )
    later = Library(changed).open("kept", LOCAL)
    assert later.encoder.pooling is Pooling.FIRST_LAST_AVG
    assert later.chunk_tokens == 320
    assert (later.space.background is not None, later.space.exponent) == (True, 0.2)


@pytest.mark.parametrize("name", ["../outside", "", "a/b"])
def test_names_are_checked(shelf, name):
    for action in (shelf.create, shelf.open, shelf.delete, shelf.documents, shelf.folder):
        with pytest.raises(UsageError):
            action(name, LOCAL)


@pytest.mark.parametrize(
    ("key", "value"), [("pooling", "max"), ("dtype", "float8"), ("embedder", "no-such-model")]
)
def test_a_setting_that_cannot_be_is_named_before_anything_is_made(settings, key, value):
    shelf = Library(settings.having(**{key: value}))
    with pytest.raises((SettingsError, ModelError), match=value):
        shelf.create("x", LOCAL)
    assert shelf.names(LOCAL) == []


def test_without_an_embedding_model_nothing_is_made(settings, tmp_path):
    shelf = Library(settings.having(models=tmp_path / "none"))
    with pytest.raises(ModelMissing, match="ragapp models pull"):
        shelf.create("x", LOCAL)
    assert shelf.names(LOCAL) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("terms", "0", "rules of version 0"),
        ("embedder_fingerprint", "0" * 64, "other weights"),
        ("passage_prefix", "title: ", "passage_prefix"),
    ],
)
def test_a_base_made_by_other_rules_or_weights_is_not_searched_in_silence(
    settings, key, value, said
):
    change_meta(Library(settings).create("other", LOCAL), **{key: value})
    with pytest.raises(KnowledgeBaseMismatch, match=said):
        Library(settings).open("other", LOCAL)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_other_accounts_of_the_machine_cannot_read_a_new_home(settings):
    Library(settings).create("private", LOCAL)
    assert stat.S_IMODE(paths.knowledge_bases(settings.home).stat().st_mode) == 0o700


def test_a_base_of_an_earlier_version_opens_and_answers_through_the_door(tmp_path):
    """Written by 40cf340 (tests/index/old_base/make.py), with the tiny model it was made with."""
    old = Path(__file__).parent / "index" / "old_base"
    home = Path(shutil.copytree(old / "home", tmp_path / "home"))
    models = Path(shutil.copytree(old / "models", tmp_path / "models"))
    shelf = Library(Settings(home=home, models=models).having(dtype="float32", device="cpu"))
    expected = json.loads((old / "expected.json").read_text(encoding="utf-8"))
    [summary] = shelf.summaries(LOCAL)
    assert (summary.name, summary.documents) == ("notes", len(shelf.documents("notes", LOCAL)))
    within = shelf.open("notes", LOCAL)
    for case in expected:
        hits = find(case["question"], within, 3)
        assert hits[0].document == case["document"]
    asked = Asked(expected[0]["question"], "notes", mode=AnswerMode.QUOTES)
    done = list(ask(asked, shelf, shelf.models))[-1]
    assert not done.refused
    assert done.citations
    (tmp_path / "new.txt").write_text("The museum shop sells postcards.")
    assert [each.status for each in ingest([tmp_path / "new.txt"], within)] == [Status.ADDED]
    assert find("What does the museum shop sell?", within, 1)[0].document == "new.txt"
