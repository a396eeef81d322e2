"""One file over HTTP: resumed, verified, whole or not there."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ragapp.errors import Cancelled, DiskFull, DownloadFailed, HashMismatch
from ragapp.types import Progress
from ragapp.weights.download import Download, download, open_client
from ragapp.weights.verify import Digest, DigestKind

from .hub_server import REPOSITORY, Hub, git_blob, sha256

FILE = "model.safetensors"


def wanted(hub: Hub, digest: Digest | None = None) -> Download:
    content = hub.files[FILE]
    url = f"{hub.url}/{REPOSITORY}/resolve/main/{FILE}"
    return Download(url, FILE, digest or Digest.sha256(sha256(content)), len(content))


def test_the_file_arrives_with_progress(hub: Hub, tmp_path: Path) -> None:
    events: list[Progress] = []
    with open_client() as client:
        place = download(client, wanted(hub), tmp_path / "w", events.append)
    assert place.read_bytes() == hub.files[FILE]
    assert events[-1].done == events[-1].total == len(hub.files[FILE])
    assert [file.name for file in tmp_path.iterdir()] == ["w"]


def test_a_dropped_connection_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.drops = [1_000_000, 500_000]
    with open_client() as client:
        place = download(client, wanted(hub), tmp_path / "w")
    assert place.read_bytes() == hub.files[FILE]
    assert [asked for _, asked in hub.ranges] == [None, "bytes=1000000-", "bytes=1500000-"]


def test_an_interrupted_download_goes_on_at_the_next_call(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "w.part").write_bytes(hub.files[FILE][:123_456])
    with open_client() as client:
        download(client, wanted(hub), tmp_path / "w")
    assert hub.ranges == [(FILE, "bytes=123456-")]
    assert (tmp_path / "w").read_bytes() == hub.files[FILE]


def test_a_server_that_knows_no_range_sends_the_whole_again(hub: Hub, tmp_path: Path) -> None:
    hub.ignore_range = True
    (tmp_path / "w.part").write_bytes(hub.files[FILE][:123_456])
    with open_client() as client:
        assert download(client, wanted(hub), tmp_path / "w").read_bytes() == hub.files[FILE]


def test_a_busy_server_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    hub.busy_answers = 2
    with open_client() as client:
        assert download(client, wanted(hub), tmp_path / "w").exists()


@pytest.mark.parametrize("kind", list(DigestKind))
def test_a_wrong_hash_is_said_and_deletes_the_file(
    hub: Hub, tmp_path: Path, kind: DigestKind
) -> None:
    with open_client() as client, pytest.raises(HashMismatch, match="hash is not 0000"):
        download(client, wanted(hub, Digest(kind, "0" * 40)), tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_gits_own_hash_is_understood(hub: Hub, tmp_path: Path) -> None:
    digest = Digest(DigestKind.GIT_BLOB, git_blob(hub.files[FILE]))
    with open_client() as client:
        assert download(client, wanted(hub, digest), tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("status", "words"), [(404, "no such model"), (401, "HF_TOKEN"), (403, "HF_TOKEN")]
)
def test_a_refusal_says_why(hub: Hub, tmp_path: Path, status: int, words: str) -> None:
    hub.status = status
    with open_client() as client, pytest.raises(DownloadFailed, match=words):
        download(client, wanted(hub), tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_no_network_names_the_host_and_the_reason(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
        with open_client() as client, pytest.raises(DownloadFailed) as caught:
            download(client, Download(url, "file"), tmp_path / "w")
    assert "127.0.0.1" in caught.value.what
    assert "refused" in caught.value.why
    assert "doctor" in caught.value.fix


def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(DownloadFailed, match="proxy"):
        open_client()


def test_a_request_to_stop_keeps_what_has_arrived(hub: Hub, tmp_path: Path) -> None:
    calls = iter([False, False, True])
    with open_client() as client, pytest.raises(Cancelled):
        download(client, wanted(hub), tmp_path / "w", cancel=lambda: next(calls, True))
    assert 0 < (tmp_path / "w.part").stat().st_size < len(hub.files[FILE])
    assert not (tmp_path / "w").exists()


def test_too_little_room_is_seen_before_the_first_byte(hub: Hub, tmp_path: Path) -> None:
    huge = Download(f"{hub.url}/huge", "huge", size=10**18)
    with open_client() as client, pytest.raises(DiskFull, match=r"are needed and .* are free"):
        download(client, huge, tmp_path / "w")
    assert hub.ranges == []


# Sizes are not declared here, so that the disk and not the check beforehand says stop.
FETCH = """
import sys
from pathlib import Path
from ragapp.errors import DiskFull
from ragapp.weights.download import Download, download, open_client
try:
    download(open_client(), Download(sys.argv[1], "weights"), Path(sys.argv[2]))
except DiskFull as error:
    print("DiskFull:", error)
"""


def run_fetch(hub: Hub, place: Path, limit: str = "") -> str:
    url = f"{hub.url}/{REPOSITORY}/resolve/main/{FILE}"
    result = subprocess.run(
        [sys.executable, "-c", limit + FETCH, url, str(place)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.stdout + result.stderr


def test_a_file_the_system_will_not_let_grow_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
    assert "DiskFull: no room for weights" in run_fetch(hub, tmp_path / "w", limit)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(hub: Hub, small_disk: Path) -> None:
    output = run_fetch(hub, small_disk / "w")
    assert "DiskFull: no room for weights" in output
    assert "are free on the disk" in output
    assert list(small_disk.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of one megabyte, where this user may mount one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
