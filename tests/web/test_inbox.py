"""Files that were sent lie where nobody else can name them, for a while, and within bounds."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from ragapp.errors import UsageError
from ragapp.web import inbox as module
from ragapp.web.inbox import Inbox, Refusal, UploadRefused, private_folder


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def sent(inbox, owner="a", name="notes.txt", content=b"text"):
    upload = inbox.begin(owner, name, len(content))
    inbox.write(upload, content)
    inbox.finish(upload)
    return upload


def test_a_token_gives_its_owner_the_file_once(tmp_path):
    inbox = Inbox(tmp_path)
    upload = sent(inbox)
    (path,) = inbox.claim("a", [upload.token])
    assert path.read_bytes() == b"text"
    assert path.name == "notes.txt"
    with pytest.raises(UsageError):
        inbox.claim("a", [upload.token])


@pytest.mark.parametrize(
    "tokens",
    [None, [], "", {}, ["x"], [None], [{"path": "/etc/passwd"}], ["/etc/passwd"], [["x"]], 7,
     ["http://127.0.0.1/x"]],
)  # fmt: skip
def test_what_is_no_token_gives_nothing(tmp_path, tokens):
    with pytest.raises(UsageError):
        Inbox(tmp_path).claim("a", tokens)


def test_another_owner_gets_nothing_and_takes_nothing(tmp_path):
    inbox = Inbox(tmp_path)
    mine, theirs = sent(inbox, "a"), sent(inbox, "b")
    with pytest.raises(UsageError):
        inbox.claim("a", [mine.token, theirs.token])
    assert inbox.claim("a", [mine.token])
    assert inbox.claim("b", [theirs.token])


def test_one_token_twice_and_a_file_half_sent_give_nothing(tmp_path):
    inbox = Inbox(tmp_path)
    upload = sent(inbox)
    with pytest.raises(UsageError):
        inbox.claim("a", [upload.token, upload.token])
    half = inbox.begin("a", "half.txt", 0)
    with pytest.raises(UsageError):
        inbox.claim("a", [half.token])
    inbox.drop(half)


def test_a_link_in_place_of_the_file_gives_nothing(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = tmp_path / "incoming"
    folder.mkdir()
    inbox = Inbox(folder)
    upload = sent(inbox)
    upload.path.unlink()
    upload.path.symlink_to(secret)
    with pytest.raises(UsageError):
        inbox.claim("a", [upload.token])


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "..", ".", "", "a\0b", "CON", "\u202etxt.exe", "~/.ssh",
        "a/b\\c", "x" * 5000, "文档" * 300, "<img src=x onerror=alert(1)>", "-rf", "\n\r",
        "%2e%2e%2f", "file://x", "\ud800",
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    inbox = Inbox(tmp_path)
    upload = sent(inbox, name=name.encode(errors="replace").decode())
    (path,) = inbox.claim("a", [upload.token])
    assert path.parent.parent == tmp_path.resolve()
    assert path.name not in ("", ".", "..")
    assert len(path.name.encode()) <= 255


def test_what_nobody_claims_is_deleted_and_a_longer_drop_waits_for_its_last_file(tmp_path):
    clock = Clock()
    inbox = Inbox(tmp_path, clock)
    first = sent(inbox)
    clock.now = module.UNCLAIMED_S - 1
    sent(inbox)
    clock.now += 2
    inbox.expire()
    assert first.path.exists()
    clock.now += module.UNCLAIMED_S
    inbox.expire()
    assert list(tmp_path.iterdir()) == []
    assert len(inbox) == 0


def test_a_file_that_was_taken_away_is_forgotten(tmp_path):
    inbox = Inbox(tmp_path)
    upload = sent(inbox)
    inbox.claim("a", [upload.token])[0].unlink()
    inbox.expire()
    assert len(inbox) == 0
    assert list(tmp_path.iterdir()) == []


def refusal(call, *arguments):
    with pytest.raises(UploadRefused) as caught:
        call(*arguments)
    return caught.value.refusal


def test_size_is_counted_as_it_comes_whatever_was_announced(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FILE", 100)
    inbox = Inbox(tmp_path)
    assert refusal(inbox.begin, "a", "x", 101) is Refusal.TOO_LARGE
    upload = inbox.begin("a", "x", 0)
    inbox.write(upload, b"x" * 100)
    assert refusal(inbox.write, upload, b"x") is Refusal.TOO_LARGE
    inbox.drop(upload)
    assert list(tmp_path.iterdir()) == []


def test_what_one_session_leaves_lying_is_bounded_and_others_are_not_kept_out(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "MOST_WAITING", 100)
    inbox = Inbox(tmp_path)
    claimed = sent(inbox, content=b"x" * 90)
    (path,) = inbox.claim("a", [claimed.token])  # it waits to be read, and still counts
    assert refusal(inbox.begin, "a", "x", 20) is Refusal.NO_ROOM
    sent(inbox, "b", content=b"x" * 90)
    path.unlink()
    sent(inbox, content=b"x" * 90)


def test_the_disk_keeps_some_room(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_FREE", 2**62)
    assert refusal(Inbox(tmp_path).begin, "a", "x", 1) is Refusal.NO_ROOM


def test_files_at_once_and_in_all_are_bounded(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    coming = [inbox.begin("a", "x", 0) for _ in range(module.MOST_AT_ONCE)]
    assert refusal(inbox.begin, "a", "x", 0) is Refusal.BUSY
    for upload in coming:
        inbox.finish(upload)
    monkeypatch.setattr(module, "MOST_FILES", module.MOST_AT_ONCE)
    assert refusal(inbox.begin, "a", "x", 0) is Refusal.BUSY
    inbox.begin("b", "x", 0)


def test_the_folder_is_private_and_gone_when_the_server_ends(tmp_path):
    with private_folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "a").write_text("a")
    assert list(folder.parent.iterdir()) == []


def test_what_a_killed_server_left_is_deleted_and_a_running_one_is_left_alone(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from ragapp.web.inbox import private_folder\n"
        "with private_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'left.txt').write_text('left'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60)
    assert list(tmp_path.rglob("left.txt"))
    with private_folder(tmp_path) as running:
        assert not list(tmp_path.rglob("left.txt"))
        with private_folder(tmp_path):
            assert running.is_dir()
