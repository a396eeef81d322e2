"""Which files of a repository are wanted, and which are refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from ragapp.errors import HashMismatch, ModelError
from ragapp.weights.verify import Digest, DigestKind

Json: TypeAlias = Any  # what a hub answered, parsed

# config, tokenizer, chat template, licence; *.py is inert unless settings trust that one model
SMALL_FILES = re.compile(
    r"(.+\.(json|txt|model|jinja|tiktoken|py)|(MODEL_)?LICEN[CS]E.*|NOTICE.*)", re.I
)
# sentence-transformers keeps one folder a module: 1_Pooling, 2_Dense
MODULE_FOLDER = re.compile(r"\d+_\w+")
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
PICKLES = re.compile(r".+\.(bin|pt|pth|ckpt|pkl)")
# ChatGLM2 was published as pickles only; their conversion reads tensors and runs nothing.
CHATGLM_FILES = {"tokenizer.model", "configuration_chatglm.py"}
CHATGLM_SHARD = re.compile(r"pytorch_model-\d+-of-\d+\.bin")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: ``path`` inside it, where to get it, what it must be."""

    path: str
    url: str
    size: int | None
    digest: Digest | None


def choose_files(
    repository: str, files: Sequence[RemoteFile], only: Mapping[str, str]
) -> list[RemoteFile]:
    """Pick the files needed to load the model: one form of the weights and the small files.

    ``only`` non-empty: exactly those paths.

    Raises:
        ModelError: the weights are missing, or exist only in a form that can run code when read.
    """
    if only:
        chosen = [file for file in files if file.path in only]
        missing = set(only) - {file.path for file in chosen}
        if missing:
            names = ", ".join(sorted(missing))
            raise ModelError("repository_lacks_files", repository=repository, files=names)
        return chosen
    wanted = [file for file in files if _is_safe(file.path) and _is_in_place(file.path)]
    weights = [file for file in wanted if file.path.endswith(".safetensors")]
    top = {file.path for file in weights if "/" not in file.path}
    if not top and {file.path for file in wanted} >= CHATGLM_FILES:
        top = {file.path for file in wanted if CHATGLM_SHARD.fullmatch(file.path)}
    if not top:
        raise _no_weights(repository, [file.path for file in files])
    shards = {path for path in top if SHARD.fullmatch(path)}
    if shards:
        top = shards
    elif "model.safetensors" in top:
        top = {"model.safetensors"}
    return [
        file
        for file in wanted
        if file.path in top
        or ("/" in file.path and file in weights)
        or SMALL_FILES.fullmatch(PurePosixPath(file.path).name)
    ]


def check_declared(repository: str, file: RemoteFile, expected: str | None) -> RemoteFile:
    """Hold a file to the registry's SHA-256, at once where the hub declares another one.

    Raises:
        HashMismatch: the hub declares another SHA-256.
    """
    if expected is None:
        return file
    declared = file.digest
    if declared and declared.kind is DigestKind.SHA256 and declared.value != expected:
        raise HashMismatch(
            "hub_declares_another_hash",
            file=file.path,
            repository=repository,
            declared=declared.value,
            expected=expected,
        )
    return dataclasses.replace(file, digest=Digest.sha256(expected))


def _is_safe(path: str) -> bool:
    """Tell whether a path stays inside the folder it is written to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


def _is_in_place(path: str) -> bool:
    folder, _, _ = path.rpartition("/")
    return not folder or bool(MODULE_FOLDER.fullmatch(folder))


def _no_weights(repository: str, paths: Sequence[str]) -> ModelError:
    if any(PICKLES.fullmatch(path) for path in paths):
        return ModelError("repository_has_pickles_only", repository=repository)
    if any(path.endswith(".gguf") for path in paths):
        return ModelError("repository_has_gguf_only", repository=repository)
    return ModelError("repository_has_no_weights", repository=repository)
