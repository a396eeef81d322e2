"""Both kinds of hashes, against values that other programs computed."""

from pathlib import Path

import pytest

from ragapp.weights.verify import CHUNK_BYTES, Digest, DigestKind, file_digest

# `printf 'hello\n' | sha256sum` and `| git hash-object --stdin`
SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
GIT_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    (tmp_path / "hello").write_bytes(b"hello\n")
    return tmp_path / "hello"


@pytest.mark.parametrize(
    ("kind", "value"), [(DigestKind.SHA256, SHA256), (DigestKind.GIT_BLOB, GIT_BLOB)]
)
def test_a_file_has_the_hash_that_others_compute(hello: Path, kind: DigestKind, value: str) -> None:
    assert file_digest(hello, kind) == value
    assert Digest(kind, value).matches(hello)
    hello.write_bytes(b"hallo\n")
    assert not Digest(kind, value).matches(hello)


def test_a_sha256_is_compared_in_any_case(hello: Path) -> None:
    assert Digest.sha256(SHA256.upper()).matches(hello)


def test_a_long_file_is_read_in_pieces_and_each_is_told(tmp_path: Path) -> None:
    file = tmp_path / "long"
    file.write_bytes(bytes(2 * CHUNK_BYTES + 5))
    pieces: list[int] = []
    file_digest(file, on_bytes=pieces.append)
    assert pieces == [CHUNK_BYTES, CHUNK_BYTES, 5]
