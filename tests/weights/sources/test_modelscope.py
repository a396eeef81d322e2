"""ModelScope's protocol: one list, a SHA-256 for every file, and addresses with a query."""

import pytest

from ragapp.weights.registry import RepositorySource, SourceKind
from ragapp.weights.sources.modelscope import ModelScope
from ragapp.weights.verify import Digest

SOURCE = RepositorySource(SourceKind.MODELSCOPE, "somebody/a-model", "master")


def test_the_domain_may_come_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELSCOPE_DOMAIN", raising=False)
    assert ModelScope().model_url("a/b") == "https://www.modelscope.cn/api/v1/models/a/b"
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "mirror.example/")
    listing = "https://mirror.example/api/v1/models/somebody/a-model/repo/files"
    assert ModelScope().list_url(SOURCE) == f"{listing}?Revision=master&Recursive=true"


def test_a_list_gives_every_file_its_address_size_and_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "mirror.example")
    files = [
        {"Type": "tree", "Path": "onnx"},
        {"Type": "blob", "Path": "1_Pooling/config.json", "Size": 3, "Sha256": "AB"},
        {"Type": "blob", "Path": "b.json", "Size": 4, "Sha256": ""},
    ]
    first, second = ModelScope().read_list({"Data": {"Files": files}}, SOURCE)
    repository = "https://mirror.example/api/v1/models/somebody/a-model/repo"
    assert first.url == f"{repository}?Revision=master&FilePath=1_Pooling%2Fconfig.json"
    assert (first.size, first.digest) == (3, Digest.sha256("ab"))
    assert second.digest is None


@pytest.mark.parametrize("content", [{"Data": None}, {"Data": {"Files": [{}]}}, [], None])
def test_anything_else_is_an_error_that_the_client_expects(content: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        ModelScope().read_list(content, SOURCE)
