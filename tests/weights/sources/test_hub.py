"""The Hugging Face protocol: addresses from the environment, a list with two kinds of hashes."""

import pytest

from ragapp.weights.registry import RepositorySource, SourceKind
from ragapp.weights.sources.hub import HuggingFace
from ragapp.weights.verify import Digest, DigestKind

SOURCE = RepositorySource(SourceKind.HUB, "somebody/a-model", "refs/pr/1")


def test_a_mirror_takes_the_place_of_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert HuggingFace().model_url("a/b") == "https://huggingface.co/api/models/a/b"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    listing = "https://mirror.example/api/models/somebody/a-model/tree/refs%2Fpr%2F1?recursive=true"
    assert HuggingFace().list_url(SOURCE) == listing


def test_a_list_gives_every_file_its_address_size_and_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    small = {"type": "file", "path": "a b.json", "size": 3, "oid": "0" * 40}
    large = {"type": "file", "path": "w.safetensors", "size": 9, "oid": "", "lfs": {"oid": "AB"}}
    folder = {"type": "directory", "path": "onnx", "size": 0, "oid": ""}
    first, second = HuggingFace().read_list([small, large, folder], SOURCE)
    resolve = "https://mirror.example/somebody/a-model/resolve/refs%2Fpr%2F1"
    assert (first.url, first.size) == (f"{resolve}/a%20b.json", 3)
    assert first.digest == Digest(DigestKind.GIT_BLOB, "0" * 40)
    assert second.digest == Digest.sha256("ab")


@pytest.mark.parametrize("content", [{"error": "gone"}, [{"path": "a"}], None, [3]])
def test_anything_else_is_an_error_that_the_client_expects(content: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        HuggingFace().read_list(content, SOURCE)


def test_the_token_is_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert HuggingFace().headers() == {"Authorization": "Bearer hf_secret"}
    monkeypatch.delenv("HF_TOKEN")
    assert HuggingFace().headers() == {}
