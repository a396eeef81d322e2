"""The note beside a model tells a whole one from a damaged one, and one model from another."""

import json
from pathlib import Path

import pytest

from ragapp.weights.manifest import (
    MANIFEST_FILE,
    Manifest,
    damaged_files,
    read_manifest,
    weights_fingerprint,
    write_manifest,
)

from .hub_server import sha256

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "1_Pooling/config.json": b"{} "}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def noted(folder: Path, known: dict[str, str] | None = None) -> Manifest:
    write_manifest(folder, "a-model", "MIT", "hub: somebody/a-model@main", known or {})
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest


def test_what_was_written_is_read(folder: Path) -> None:
    manifest = noted(folder)
    assert (manifest.name, manifest.licence) == ("a-model", "MIT")
    assert manifest.source == "hub: somebody/a-model@main"
    assert {path: (record.size, record.sha256) for path, record in manifest.files.items()} == {
        path: (len(content), sha256(content)) for path, content in FILES.items()
    }


def test_a_hash_that_is_known_is_not_computed_again(folder: Path) -> None:
    assert noted(folder, {"config.json": "ab" * 32}).files["config.json"].sha256 == "ab" * 32


@pytest.mark.parametrize("content", [b"WEIGHTS", b"weights and more", None])
def test_a_file_changed_or_gone_is_named(folder: Path, content: bytes | None) -> None:
    manifest = noted(folder)
    assert damaged_files(folder, manifest) == []
    file = folder / "model.safetensors"
    file.unlink() if content is None else file.write_bytes(content)
    assert damaged_files(folder, manifest) == ["model.safetensors"]


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"files": 3}', '{"files": {"a": {}}}'])
def test_a_note_that_is_missing_or_damaged_is_none(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / MANIFEST_FILE).write_text(text)
    assert read_manifest(folder) is None


def test_a_fingerprint_is_that_of_the_weights_alone(folder: Path) -> None:
    """With a note or without; another config is no other space of vectors, other weights are."""
    without_note = weights_fingerprint(folder)
    noted(folder)
    assert weights_fingerprint(folder) == without_note
    (folder / "config.json").write_text(json.dumps({"changed": True}))
    noted(folder)
    assert weights_fingerprint(folder) == without_note
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    noted(folder)
    assert weights_fingerprint(folder) != without_note
