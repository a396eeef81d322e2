"""Both hubs: what is taken from a repository, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from ragapp.errors import DownloadFailed, HashMismatch, ModelError
from ragapp.types import ignore_progress, never_cancel
from ragapp.weights.registry import NEWEST, FileFormat, RepositorySource, SourceKind
from ragapp.weights.sources.repository import fetch_from_repository

from ..hub_server import REPOSITORY, Hub, sha256, small_weights

NEEDED = {"config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json"}


def newest(kind: SourceKind) -> RepositorySource:
    return RepositorySource(kind, REPOSITORY, NEWEST[kind])


def fetch(source: RepositorySource, folder: Path) -> dict[str, bytes]:
    fetched = fetch_from_repository(source, folder, ignore_progress, never_cancel)
    return {path: file.place.read_bytes() for path, file in fetched.items()}


BOTH = pytest.mark.parametrize("source", [*map(newest, NEWEST)], ids=lambda source: source.kind)


@BOTH
def test_only_what_loading_needs_is_taken(
    hub: Hub, tmp_path: Path, source: RepositorySource
) -> None:
    files = fetch(source, tmp_path)
    assert files == {path: hub.files[path] for path in NEEDED}


@BOTH
def test_nothing_is_fetched_twice(hub: Hub, tmp_path: Path, source: RepositorySource) -> None:
    fetch(source, tmp_path)
    asked = len(hub.ranges)
    fetch(source, tmp_path)
    assert len(hub.ranges) == asked


@BOTH
def test_the_registrys_hash_is_checked_before_anything_is_fetched(
    hub: Hub, tmp_path: Path, source: RepositorySource
) -> None:
    strict = replace(source, hashes={"model.safetensors": "ab" * 32})
    with pytest.raises(HashMismatch, match="Nothing was downloaded"):
        fetch(strict, tmp_path)
    assert hub.ranges == []


def test_a_hub_that_declares_one_hash_and_sends_another_file_is_caught(
    hub: Hub, tmp_path: Path
) -> None:
    hub.declared["model.safetensors"] = "cd" * 32
    with pytest.raises(HashMismatch, match="deleted"):
        fetch(newest(SourceKind.HUB), tmp_path)
    assert not [file for file in tmp_path.iterdir() if "safetensors" in file.name]


@BOTH
def test_one_gguf_file_can_be_all_that_is_wanted(
    hub: Hub, tmp_path: Path, source: RepositorySource
) -> None:
    hub.files = {"a.Q4.gguf": b"GGUF a", "b.Q8.gguf": b"GGUF b"}
    only = replace(source, hashes={"b.Q8.gguf": sha256(b"GGUF b")}, format=FileFormat.GGUF)
    assert fetch(only, tmp_path) == {"b.Q8.gguf": b"GGUF b"}


@BOTH
def test_pickled_weights_are_refused(hub: Hub, tmp_path: Path, source: RepositorySource) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(ModelError, match=r"pickled .* can run code"):
        fetch(source, tmp_path)
    assert hub.ranges == []


def test_shards_are_preferred_and_stray_weights_left(hub: Hub, tmp_path: Path) -> None:
    shards = {f"model-0000{n}-of-00002.safetensors": small_weights(1) for n in (1, 2)}
    hub.files = {"config.json": b"{}", "consolidated.safetensors": b"again", **shards}
    assert set(fetch(newest(SourceKind.HUB), tmp_path)) == {"config.json", *shards}


def test_a_path_that_leaves_the_folder_is_not_followed(hub: Hub, tmp_path: Path) -> None:
    hub.files["../escape.json"] = b"{}"
    hub.files["/etc/escape.json"] = b"{}"
    assert set(fetch(newest(SourceKind.HUB), tmp_path)) == NEEDED


def test_the_token_is_sent_to_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(newest(SourceKind.HUB), tmp_path)
    assert hub.authorizations == {"Bearer hf_secret"}


@BOTH
def test_a_page_in_place_of_the_list_is_said(
    hub: Hub, tmp_path: Path, source: RepositorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.status = 200  # every answer is "no", as a hotel's sign-in page would be
    with pytest.raises(DownloadFailed, match="sign-in page"):
        fetch(source, tmp_path)


@BOTH
@pytest.mark.parametrize("status", [401, 404])
def test_a_closed_or_missing_repository_is_said(
    hub: Hub, tmp_path: Path, source: RepositorySource, status: int
) -> None:
    hub.status = status
    with pytest.raises(DownloadFailed, match=str(status)):
        fetch(source, tmp_path)
