"""Names of knowledge bases are names of folders, and of nothing outside theirs."""

from pathlib import Path

import pytest

from ragapp import paths
from ragapp.errors import UsageError


@pytest.mark.parametrize("name", ["default", "笔记", "我的 文档", "v1.2-final_b", "a", "a" * 64])
def test_names_that_can_be_used(name):
    assert paths.knowledge_base(Path("/h"), name) == Path("/h/kb") / name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", " x", "x ", "x.", "a\0b", "a\n",
     "a" * 65, "a:b", "*"],
)  # fmt: skip
def test_names_that_cannot(name):
    with pytest.raises(UsageError, match="Choose another name"):
        paths.knowledge_base(Path("/h"), name)


def test_statistics_of_a_hub_model_stay_in_their_folder():
    file = paths.background_statistics(Path("/m"), "BAAI/bge-m3", "mean")
    assert file.is_relative_to("/m/.background")
    assert ".." not in file.parts
    assert paths.background_statistics(Path("/m"), "BAAI/bge-m3", "cls") != file
