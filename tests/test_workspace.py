"""Models are loaded once, and a knowledge base keeps the ones it was made with."""

import dataclasses
import threading

import pytest
from fixtures import E5, SMOLLM2, workspace

from ragapp.embedding.pool import Pooling
from ragapp.errors import (
    KnowledgeBaseMissing,
    ModelError,
    ModelMissing,
    SettingsError,
    UsageError,
)
from ragapp.settings import Settings
from ragapp.workspace import Workspace


@pytest.fixture
def space(models_dir, tmp_path_factory):
    return workspace(models_dir, tmp_path_factory.getbasetemp() / "workspace-home")


@pytest.fixture
def settings(models_dir, tmp_path):
    return Settings(home=tmp_path, models=models_dir)


def test_a_knowledge_base_is_made_opened_listed_and_deleted(space):
    made = space.create("笔记")
    assert space.open("笔记") is made
    assert "笔记" in space.knowledge_base_names()
    with pytest.raises(UsageError, match="exists already"):
        space.create("笔记")
    space.delete("笔记")
    assert "笔记" not in space.knowledge_base_names()
    with pytest.raises(KnowledgeBaseMissing):
        space.open("笔记")


def test_one_made_anew_under_an_old_name_is_not_the_old_one(space):
    old = space.create("again")
    space.delete("again")
    new = space.open_or_create("again")
    assert new is not old
    assert space.open("again") is new


def test_an_encoder_is_loaded_once_for_all_knowledge_bases_and_threads(space):
    opened = []
    threads = [
        threading.Thread(target=lambda n=n: opened.append(space.open_or_create(n)))
        for n in ("one", "two", "three")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each.encoder) for each in opened}) == 1
    assert len(opened) == 3


def test_a_knowledge_base_keeps_its_settings_when_those_of_now_differ(space):
    space.create("kept")
    changed = dataclasses.replace(
        space.settings, pooling="cls", whitening=False, chunk_tokens=50, whitening_exponent=0.5
    )
    later = Workspace(changed).open("kept")
    assert later.encoder.pooling is Pooling.FIRST_LAST_AVG
    assert later.chunk_tokens == 320
    assert (later.space.background is not None, later.space.exponent) == (True, 0.2)


@pytest.mark.parametrize("name", ["../outside", "", "a/b"])
def test_names_are_checked(space, name):
    for action in (space.create, space.open, space.delete):
        with pytest.raises(UsageError):
            action(name)


@pytest.mark.parametrize(
    ("key", "value"), [("pooling", "max"), ("dtype", "float8"), ("embedder", "no-such-model")]
)
def test_a_setting_that_cannot_be_is_named_before_anything_is_made(settings, key, value):
    space = Workspace(dataclasses.replace(settings, **{key: value}))
    with pytest.raises((SettingsError, ModelError), match=value):
        space.create("x")
    assert space.knowledge_base_names() == []


def test_a_model_that_is_not_here(settings, tmp_path):
    space = Workspace(dataclasses.replace(settings, models=tmp_path / "none"))
    with pytest.raises(ModelMissing, match="ragapp models pull"):
        space.create("x")
    with pytest.raises(ModelMissing, match="ragapp models pull"):
        space.engine()


def test_a_weak_model_is_held_to_quoting_unless_told_otherwise(settings):
    space = Workspace(dataclasses.replace(settings, chat_model=SMOLLM2))
    assert space.answering_engine("quotes") == (None, None)
    assert space.answering_engine("auto") == (None, SMOLLM2)
    engine, weak = space.answering_engine("generate")
    assert (engine.name, weak) == (SMOLLM2, None)
    assert space.engine() is engine


def test_quoting_needs_no_chat_model(settings, tmp_path):
    space = Workspace(dataclasses.replace(settings, models=tmp_path / "none"))
    assert space.answering_engine("quotes") == (None, None)


def test_an_answer_mode_there_is_not(settings):
    with pytest.raises(SettingsError, match="auto, generate, quotes"):
        Workspace(settings).answering_engine("guess")


def test_a_folder_is_a_model_too(settings, models_dir):
    space = Workspace(dataclasses.replace(settings, embedder=str(models_dir / E5), whitening=False))
    assert space.load_embedder().dimension == 384
