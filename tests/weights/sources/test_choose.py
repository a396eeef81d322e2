"""Which files of a repository are wanted: one safe form of the weights, and what loading needs."""

import pytest

from ragapp.errors import HashMismatch, ModelError
from ragapp.weights.sources.choose import RemoteFile, check_declared, choose_files
from ragapp.weights.verify import Digest, DigestKind

SHARDS = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}


def remote(path: str, digest: Digest | None = None) -> RemoteFile:
    return RemoteFile(path, f"http://hub/{path}", 1, digest)


def chosen(*paths: str, only: tuple[str, ...] = ()) -> set[str]:
    files = choose_files("somebody/a-model", [*map(remote, paths)], dict.fromkeys(only, ""))
    return {file.path for file in files}


def test_the_weights_come_in_one_form() -> None:
    config = "config.json"
    assert chosen(config, "model.safetensors", "pytorch_model.bin") == {config, "model.safetensors"}
    assert chosen(config, "consolidated.safetensors", *SHARDS) == {config, *SHARDS}
    assert chosen(config, "other.safetensors") == {config, "other.safetensors"}


def test_modules_of_sentence_transformers_and_small_files_come_along() -> None:
    wanted = {
        "model.safetensors", "1_Pooling/config.json", "2_Dense/model.safetensors",
        "tokenizer.model", "chat_template.jinja", "LICENSE", "modeling_own.py",
    }  # fmt: skip
    assert chosen(*wanted, "onnx/config.json", "README.md", "picture.png") == wanted


@pytest.mark.parametrize("path", ["../a.json", "/a.json", "1_Pooling/../../a.json", "..\\a.json"])
def test_a_path_that_leaves_the_folder_is_not_taken(path: str) -> None:
    assert chosen("model.safetensors", path) == {"model.safetensors"}


def test_what_is_asked_for_by_name_is_all_that_is_taken() -> None:
    assert chosen("a.gguf", "b.gguf", "config.json", only=("b.gguf",)) == {"b.gguf"}
    with pytest.raises(ModelError, match=r"no file c\.gguf"):
        chosen("a.gguf", only=("c.gguf",))


@pytest.mark.parametrize(
    ("path", "words"),
    [("pytorch_model.bin", "pickled"), ("a.gguf", "GGUF"), ("model.onnx", "no safetensors")],
)
def test_a_repository_without_safe_weights_says_what_it_has(path: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        chosen("config.json", path)


def test_chatglm_alone_may_bring_pickles() -> None:
    shards = {f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)}
    files = {"config.json", "tokenizer.model", "configuration_chatglm.py", *shards}
    assert chosen(*files) == files


def test_a_file_is_held_to_the_registrys_hash() -> None:
    file = remote("model.safetensors", Digest(DigestKind.GIT_BLOB, "0" * 40))
    assert check_declared("r", file, None) is file
    assert check_declared("r", file, "ab" * 32).digest == Digest.sha256("ab" * 32)
    declared = remote("model.safetensors", Digest.sha256("cd" * 32))
    with pytest.raises(HashMismatch, match="Nothing was downloaded"):
        check_declared("r", declared, "ab" * 32)
