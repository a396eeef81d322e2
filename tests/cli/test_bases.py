"""Knowledge bases kept safe from the command line: mirrored, checked, exported and brought back."""

import json
import os
import time

import pytest

from .test_main import CATS, Ragapp, said_in_one_line

LONG_AGO = time.time() - 3600


@pytest.fixture(scope="module")
def ragapp(tmp_path_factory, models_dir):
    return Ragapp(tmp_path_factory.mktemp("bases-home"), models_dir)


@pytest.fixture(scope="module")
def folder(ragapp, tmp_path_factory):
    made = tmp_path_factory.mktemp("bases-documents")
    for number in range(6):
        path = made / f"cats-{number}.txt"
        path.write_text(f"{CATS} Cat number {number} is red.")
        os.utime(path, (LONG_AGO, LONG_AGO))
    result = ragapp("sync", made, "--kb", "cats", "--json")
    assert result.returncode == 0, result.stderr
    assert {one["status"] for one in json.loads(result.stdout)["documents"]} == {"added"}
    return made


def test_sync_says_what_would_go_and_asks_before_much_does(ragapp, folder):
    gone = [folder / f"cats-{number}.txt" for number in range(5)]
    texts = [path.read_text() for path in gone]
    for path in gone:
        path.unlink()
    said = ragapp("sync", folder, "--kb", "cats", "--dry-run", "--json")
    assert json.loads(said.stdout) == {"files": 1, "gone": [str(path) for path in gone]}
    refused = ragapp("sync", folder, "--kb", "cats")
    assert refused.returncode == 1
    assert "--yes" in said_in_one_line(refused)
    done = ragapp("sync", folder, "--kb", "cats", "--yes", "--json")
    assert [one["status"] for one in json.loads(done.stdout)["documents"]].count("removed") == 5
    for path, text in zip(gone, texts, strict=True):
        path.write_text(text)
    assert ragapp("sync", folder, "--kb", "cats").returncode == 0


def test_a_base_is_checked_exported_and_brought_back(ragapp, folder, tmp_path):
    whole = ragapp("kb", "verify", "cats", "--json")
    assert whole.returncode == 0
    assert json.loads(whole.stdout)["whole"]
    made = ragapp("kb", "export", "cats", tmp_path / "cats.zip")
    assert made.returncode == 0, made.stderr
    back = ragapp("kb", "import", tmp_path / "cats.zip", "--name", "cats again")
    assert back.returncode == 0, back.stderr
    listed = json.loads(ragapp("kb", "list", "cats again", "--json").stdout)["documents"]
    assert len(listed) == 6
    again = ragapp("kb", "import", tmp_path / "cats.zip", "--name", "cats again")
    assert again.returncode == 2
    said_in_one_line(again)


def test_a_changed_byte_is_found(ragapp, folder):
    store = next((ragapp.home / "knowledge_bases").glob("cats/store.sqlite"), None) or next(
        path for path in ragapp.home.rglob("store.sqlite") if path.parent.name == "cats"
    )
    data = bytearray(store.read_bytes())
    place = data.index(b"Cat number 3 is red.")
    data[place] ^= 1
    store.write_bytes(data)
    result = ragapp("kb", "verify", "cats", "--json")
    assert result.returncode == 1
    assert not json.loads(result.stdout)["whole"]
