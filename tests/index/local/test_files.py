"""Files that are whole on disk, and known again by their checksum."""

import hashlib

import pytest

from ragapp.index.backend import IndexDamaged
from ragapp.index.local.files import Checksum, read_checked, synced


def test_the_checksum_is_of_what_was_written(tmp_path):
    with synced(tmp_path / "file") as file:
        file.write(b"one ")
        file.write(b"two")
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert file.checksum() == Checksum(7, hashlib.sha256(b"one two").hexdigest())
    read_checked(tmp_path / "file", file.checksum())


@pytest.mark.parametrize("content", [b"one twp", b"one tw", b"one two.", b""])
def test_what_is_not_what_was_written(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(IndexDamaged, match="file does not match"):
        read_checked(tmp_path / "file", Checksum(7, hashlib.sha256(b"one two").hexdigest()))


def test_a_file_is_never_written_over(tmp_path):
    (tmp_path / "file").write_bytes(b"there")
    with pytest.raises(FileExistsError), synced(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_bytes() == b"there"
