"""Defaults < ragapp.toml < environment < flags; a key nobody knows is an error in each."""

import dataclasses
import os
from pathlib import Path

import pytest

from ragapp.errors import SettingsError
from ragapp.settings import (
    Settings,
    forget_secrets,
    load_settings,
    secret_names,
    setting_names,
)


@pytest.fixture
def environment(tmp_path):
    return {"RAGAPP_HOME": str(tmp_path), "PATH": "/bin", "OTHER": "x"}


def toml(environment, text):
    (Path(environment["RAGAPP_HOME"]) / "ragapp.toml").write_text(text, encoding="utf-8")


def test_without_anything_the_defaults_hold():
    loaded = load_settings({}, {})
    expected = dataclasses.replace(
        Settings(), home=Path.home() / ".ragapp", models=Path.home() / ".cache/ragapp/models"
    )
    assert loaded == expected


def test_each_layer_goes_over_the_one_before(environment):
    assert load_settings({}, environment).retrieval.hits == 10
    toml(environment, 'top_k = 11\nkb = "笔记"')
    assert load_settings({}, environment).retrieval.hits == 11
    environment["RAGAPP_TOP_K"] = "12"
    assert load_settings({}, environment).retrieval.hits == 12
    loaded = load_settings({"top_k": 13, "kb": None}, environment)
    assert (loaded.retrieval.hits, loaded.kb) == (13, "笔记")


def test_the_home_given_by_a_flag_is_where_the_file_is_read(environment, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "ragapp.toml").write_text("port = 9000")
    loaded = load_settings({"home": str(other)}, environment)
    assert (loaded.home, loaded.web.port) == (other, 9000)


@pytest.mark.parametrize("layer", ["file", "environment", "flags"])
def test_an_unknown_key_is_an_error_that_names_its_layer(environment, layer):
    flags = {}
    if layer == "file":
        toml(environment, "topk = 3")
    elif layer == "environment":
        environment["RAGAPP_TOPK"] = "3"
    else:
        flags["topk"] = 3
    where = {"file": r"ragapp\.toml", "environment": "environment", "flags": "command line"}[layer]
    with pytest.raises(SettingsError, match=f"unknown setting 'topk' in .*{where}.*hits"):
        load_settings(flags, environment)


@pytest.mark.parametrize(
    "line",
    ['port = "many"', "port = 3.7", "port = true", "port = [1]", 'whitening = "maybe"',
     'whitening_exponent = "a"', "whitening_exponent = false", "kb = 5", "kb = ['a']", "home = 5",
     "[kb]\nname = 'x'"],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_an_error(environment, line):
    toml(environment, line)
    with pytest.raises(SettingsError, match="is not a value of kind"):
        load_settings({}, environment)


def test_numbers_and_truths_arrive_as_words_from_the_environment(environment):
    environment |= {"RAGAPP_PORT": "80", "RAGAPP_WHITENING": "No", "RAGAPP_WHITENING_EXPONENT": "1"}
    loaded = load_settings({}, environment)
    assert (loaded.web.port, loaded.embedding.whitening, loaded.embedding.whitening_exponent) == (
        80,
        False,
        1.0,
    )


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", "名 = '\x00'".encode()])
def test_a_file_that_cannot_be_read_is_named(environment, content):
    (Path(environment["RAGAPP_HOME"]) / "ragapp.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"ragapp\.toml"):
        load_settings({}, environment)


def test_folders_are_absolute_whatever_was_given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loaded = load_settings({"home": "here"}, {"RAGAPP_MODELS": "~/weights"})
    assert (loaded.home, loaded.models) == (tmp_path / "here", Path.home() / "weights")


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().web.port = 1


def test_settings_are_changed_by_their_own_name_whatever_part_they_are_in():
    changed = Settings().having(port=9, chat_model="mine", kb="笔记")
    assert (changed.web.port, changed.answer.chat_model, changed.kb) == (9, "mine", "笔记")
    assert changed.web.host == Settings().web.host
    with pytest.raises(SettingsError, match="no setting has that name"):
        Settings().having(web="x")


def test_no_two_settings_share_a_name():
    assert len(setting_names()) == len(set(setting_names()))


def test_the_earlier_name_of_a_setting_still_works(environment):
    toml(environment, "top_k = 3")
    assert load_settings({}, environment).retrieval.hits == 3


def test_secrets_are_not_shown():
    shown = repr(Settings().having(password="hunter2", endpoint_key="sk-1"))
    assert "hunter2" not in shown
    assert "sk-1" not in shown


def test_secrets_are_not_left_in_the_environment(tmp_path, monkeypatch):
    for name in secret_names():
        monkeypatch.setenv(f"RAGAPP_{name.upper()}", "sesame")
    monkeypatch.setenv("RAGAPP_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.web.password == settings.machine.endpoint_key == "sesame"
    assert "sesame" not in repr(settings)
    forget_secrets()
    assert not [name for name, value in os.environ.items() if value == "sesame"]


def test_a_secret_of_the_wrong_kind_is_not_shown(tmp_path):
    (tmp_path / "ragapp.toml").write_text("password = 471147114711")
    with pytest.raises(SettingsError) as caught:
        load_settings({"home": str(tmp_path)}, {})
    assert "4711" not in str(caught.value)
