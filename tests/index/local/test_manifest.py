"""A manifest is read as it was written, or not believed."""

import contextlib
import dataclasses

import numpy as np
import pytest

from ragapp.index.backend import IndexDamaged
from ragapp.index.local import manifest as manifests
from ragapp.index.local.files import Checksum
from ragapp.index.local.manifest import Entry, Manifest

ENTRY = Entry("abc", 20, 5, 30, {"abc.faiss": Checksum(7, "0" * 64)})
MANIFEST = Manifest(3, 2, (ENTRY, dataclasses.replace(ENTRY, name="def", first=31, last=50)))


def test_write_and_read(tmp_path):
    manifests.write(MANIFEST, tmp_path)
    assert manifests.read(tmp_path, 3) == MANIFEST
    assert [file.name for file in tmp_path.iterdir()] == ["generation-00000003.json"]


def test_the_last_written_counts(tmp_path):
    manifests.write(MANIFEST, tmp_path)
    manifests.write(Manifest(3, 1), tmp_path)
    assert manifests.read(tmp_path, 3) == Manifest(3, 1)


def test_one_that_was_renamed_is_not_believed(tmp_path):
    manifests.write(MANIFEST, tmp_path)
    manifests.file_of(tmp_path, 3).rename(manifests.file_of(tmp_path, 4))
    with pytest.raises(IndexDamaged, match="generation 3"):
        manifests.read(tmp_path, 4)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"sha256": ""}', b"\xff\xfe"])
def test_what_is_no_manifest(tmp_path, content):
    manifests.file_of(tmp_path, 3).write_bytes(content)
    with pytest.raises(IndexDamaged):
        manifests.read(tmp_path, 3)


def test_any_changed_byte_is_seen(tmp_path):
    manifests.write(MANIFEST, tmp_path)
    file = manifests.file_of(tmp_path, 3)
    sound = file.read_bytes()
    for place in range(0, len(sound), 7):
        harmed = bytearray(sound)
        harmed[place] ^= 1
        file.write_bytes(harmed)
        with contextlib.suppress(IndexDamaged):  # unless it is white space that changed
            assert manifests.read(tmp_path, 3) == MANIFEST


def test_dead_rows_come_back_and_the_older_file_is_no_longer_named(tmp_path):
    dead = np.zeros(20, bool)
    dead[[0, 13]] = True
    first = manifests.save_dead(dead, ENTRY, tmp_path)
    assert (first.dead, manifests.load_dead(first, tmp_path).tolist()) == (2, dead.tolist())
    dead[19] = True
    second = manifests.save_dead(dead, first, tmp_path)
    assert set(second.files) == {"abc.faiss", second.dead_file}
    assert manifests.load_dead(second, tmp_path).tolist() == dead.tolist()
    assert manifests.load_dead(ENTRY, tmp_path) is None
    (tmp_path / second.dead_file).write_bytes(b"\0\0\0")
    with pytest.raises(IndexDamaged, match="checksum"):
        manifests.load_dead(second, tmp_path)
