"""What is here, what a name means, and which model fits the machine."""

import json
import os
from pathlib import Path

import pytest

from ragapp.errors import ModelError, ModelMissing, UnknownModel
from ragapp.machine import Hardware
from ragapp.weights.installed import (
    default_chat_model,
    describe_original,
    folder_name,
    installed,
    landed_models,
    local_folder,
    local_original,
    recommended_chat_model,
    resolve,
)
from ragapp.weights.manifest import write_manifest

GPU_24_GB = Hardware("cuda", True, 24.0, 8)


def put(models: Path, *names: str) -> None:
    """Put folders there that have what makes a folder a model."""
    for name in names:
        (models / name).mkdir()
        (models / name / "config.json").write_text("{}")


@pytest.mark.parametrize(
    ("memory", "name"),
    [(0.0, "Qwen2.5-0.5B-Instruct"), (8.0, "Qwen2.5-1.5B-Instruct"), (24.0, "Qwen2.5-7B-Instruct")],
)
def test_the_recommendation_grows_with_the_gpu(memory: float, name: str) -> None:
    assert recommended_chat_model(Hardware("cuda", True, memory, 8)) == name


def test_without_a_chat_model_the_command_is_named(tmp_path: Path) -> None:
    put(tmp_path, "multilingual-e5-small")
    with pytest.raises(ModelMissing, match="ragapp models pull"):
        default_chat_model(tmp_path)


def test_the_default_chat_model_prefers_one_that_may_answer(tmp_path: Path) -> None:
    put(tmp_path, "SmolLM2-135M-Instruct", "Qwen2.5-7B-Instruct")
    assert default_chat_model(tmp_path) == "Qwen2.5-7B-Instruct"
    put(tmp_path, "Qwen2.5-Coder-0.5B-Instruct")
    assert default_chat_model(tmp_path) == "Qwen2.5-Coder-0.5B-Instruct"


def test_what_suits_the_machine_comes_first(tmp_path: Path) -> None:
    put(tmp_path, "Qwen2.5-0.5B-Instruct", "Qwen2.5-7B-Instruct")
    assert default_chat_model(tmp_path) == "Qwen2.5-0.5B-Instruct"
    assert default_chat_model(tmp_path, GPU_24_GB) == "Qwen2.5-7B-Instruct"


def test_only_folders_with_a_config_are_models(tmp_path: Path) -> None:
    put(tmp_path, "one", ".staging")
    (tmp_path / "half").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert installed(tmp_path) == ["one"]
    assert installed(tmp_path / "nowhere") == []


def test_a_model_is_known_by_its_note_and_its_entry(tmp_path: Path) -> None:
    put(tmp_path, "somebody--a-model", "SmolLM2-135M-Instruct")
    write_manifest(tmp_path / "somebody--a-model", "somebody/a-model", "MIT", "hub: …", {})
    entered, noted = landed_models(tmp_path)
    assert entered.entry is not None
    assert entered.manifest is None
    assert entered.size == 2
    assert (noted.name, noted.entry) == ("somebody/a-model", None)
    assert noted.manifest is not None


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("QWEN2.5-0.5b-instruct", "Qwen2.5-0.5B-Instruct"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5-0.5B-Instruct"),
        ("somebody/a-model", "somebody--a-model"),
    ],
)
def test_a_name_has_one_folder(tmp_path: Path, name: str, folder: str) -> None:
    assert folder_name(name, tmp_path) == folder


@pytest.mark.parametrize("name", ["nothing", "../escape", "a/b/c", "./a", "https://x/y"])
def test_a_name_that_means_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownModel):
        folder_name(name, tmp_path)


def test_a_known_model_that_is_not_here_comes_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="`ragapp models pull SmolLM2-135M-Instruct`"):
        resolve("SmolLM2-135M-Instruct", tmp_path)
    put(tmp_path, "SmolLM2-135M-Instruct")
    assert resolve("smollm2-135m-instruct", tmp_path) == tmp_path / "SmolLM2-135M-Instruct"


def test_a_folder_of_ones_own_is_used_in_place(tmp_path: Path) -> None:
    put(tmp_path, "mine")
    (tmp_path / "empty").mkdir()
    assert local_folder(str(tmp_path / "mine")) == tmp_path / "mine"
    assert local_folder("SmolLM2-135M-Instruct") is None
    with pytest.raises(ModelError, match=r"no config\.json"):
        local_folder(str(tmp_path / "empty"))


def test_what_has_to_be_converted_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.GGUF").write_bytes(b"GGUF")
    put(tmp_path, "mine", "chatglm")
    original = {"model_type": "chatglm", "num_layers": 28, "padded_vocab_size": 65024}
    (tmp_path / "chatglm" / "config.json").write_text(json.dumps(original))
    assert local_original(str(tmp_path / "a.GGUF")) == tmp_path / "a.GGUF"
    assert local_original(str(tmp_path / "chatglm")) == tmp_path / "chatglm"
    assert local_original(str(tmp_path / "mine")) is None
    assert local_original(str(tmp_path / "missing.gguf")) is None


def test_a_changed_original_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"GGUF a")
    first = describe_original(file)
    assert str(file) in first
    assert describe_original(file) == first
    os.utime(file, ns=(1, 1))
    assert describe_original(file) != first
