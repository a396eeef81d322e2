"""An archive is one state, whole and checked; what is wrong with it makes nothing."""

import hashlib
import json
import stat
import threading
import zipfile

import pytest

from ragapp import paths
from ragapp.errors import KnowledgeBaseDamaged, RagappError, UsageError
from ragapp.index import archive, backup
from ragapp.index.archive import export, name_in, restore
from ragapp.index.knowledge_base import KnowledgeBase

from .builders import RAW, chunks_of, document, new_kb, searched, texts_found


@pytest.fixture
def kb(tmp_path):
    made = new_kb(tmp_path / "kb", document("/d/a.txt", "cats sleep"), document("/d/b.txt", "dogs"))
    paths.uploads(made.folder).mkdir()
    (paths.uploads(made.folder) / "猫.txt").write_text("cats sleep", encoding="utf-8")
    return made


@pytest.fixture
def file(kb, tmp_path):
    return export(kb.folder, tmp_path / "out" / "kb.zip").file


def rewritten(file, target, change):
    """Write an archive anew with its members changed: a list of (ZipInfo, bytes)."""
    with zipfile.ZipFile(file) as old:
        members = [(info, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for info, data in change(members):
            new.writestr(info, data)
    return target


def with_member(name, data, mode=0):
    """Add a member, and list it with its checksum as an attacker would."""

    def change(members):
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        manifest = json.loads(members[-1][1])
        del manifest["sha256"]
        digest = hashlib.sha256(data).hexdigest()
        manifest["files"][name] = {"size": len(data), "sha256": digest}
        manifest["sha256"] = archive._digest(manifest)
        return [*members[:-1], (info, data), (members[-1][0], json.dumps(manifest))]

    return change


def test_it_comes_back_as_it_was(kb, file, tmp_path):
    assert name_in(file) == "kb"
    back = restore(file, tmp_path / "back")
    assert searched(back, "cats") == searched(kb, "cats")
    assert (paths.uploads(back.folder) / "猫.txt").read_text(encoding="utf-8") == "cats sleep"
    with kb._store() as old, back._store() as new:
        assert old.created() != new.created()


def test_uploads_are_found_where_they_are_now(kb, tmp_path):
    with kb.writer() as writer:
        of = document(str(paths.uploads(kb.folder).absolute() / "猫.txt"), "cats purr")
        writer.add(of, chunks_of(of))
        writer.publish(RAW)
    back = restore(export(kb.folder, tmp_path / "a.zip").file, tmp_path / "back")
    assert back.find(path=str(paths.uploads(back.folder).absolute() / "猫.txt"))


def test_nothing_is_written_over(kb, file):
    content = file.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        export(kb.folder, file)
    with pytest.raises(UsageError, match="exists already"):
        restore(file, kb.folder)
    assert file.read_bytes() == content
    assert len(list(file.parent.iterdir())) == 1


def test_every_flipped_bit_and_every_cut_is_refused_and_leaves_nothing(file, tmp_path):
    content = file.read_bytes()
    before = searched(restore(file, tmp_path / "kbs" / "whole"), "cats")
    for place in range(0, len(content), max(1, len(content) // 150)):
        harmed = bytearray(content)
        harmed[place] ^= 1 << place % 8
        for kind, data in {"bit": bytes(harmed), "cut": content[:place]}.items():
            back_at = tmp_path / "kbs" / f"{kind}{place}"
            odd = tmp_path / "odd.zip"
            odd.write_bytes(data)
            try:  # a bit that only a date or a flag of the zip holds changes nothing
                back = restore(odd, back_at)
            except RagappError:
                assert not back_at.exists()
            else:
                assert searched(back, "cats") == before
                assert kind == "bit"
    assert not [f for f in (tmp_path / "kbs").iterdir() if f.name.startswith(".")]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/tmp/evil",
        "files/../../evil",
        "files/a\\..\\b",
        "C:/evil",
        "writer.lock",
        "files/",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(file, tmp_path, name):
    odd = rewritten(file, tmp_path / "odd.zip", with_member(name, b"evil"))
    with pytest.raises(KnowledgeBaseDamaged):
        restore(odd, tmp_path / "kbs" / "back")
    assert not list(tmp_path.rglob("evil*"))
    assert list((tmp_path / "kbs").iterdir()) == []


def test_a_link_and_a_bomb_are_refused(file, tmp_path):
    link = with_member("files/link", b"/etc/passwd", stat.S_IFLNK | 0o777)
    bomb = with_member("files/bomb", bytes(2**26))
    for number, change in enumerate((link, bomb)):
        odd = rewritten(file, tmp_path / f"{number}.zip", change)
        with pytest.raises(KnowledgeBaseDamaged):
            restore(odd, tmp_path / "back")


def test_it_is_one_state_while_another_thread_writes(kb, tmp_path):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            with kb.writer() as writer:
                for name in ("x", "y"):  # one generation holds both of one number
                    of = document(f"/d/{name}.txt", f"{name} number {number}")
                    writer.add(of, chunks_of(of))
                writer.publish(RAW)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            file = export(kb.folder, tmp_path / f"{number}.zip").file
            back = restore(file, tmp_path / f"back{number}")
            numbers = {t.split()[2] for t in texts_found(back, "number") if "number" in t}
            assert len(numbers) <= 1
    finally:
        stop.set()
        thread.join()


def test_backups_keep_the_newest_and_a_failed_one_removes_none(kb, tmp_path, monkeypatch):
    folder = tmp_path / "backups"
    for at in (0, 60, 120):
        backup.backup(kb.folder, folder, 2, now=lambda at=at: at)
    kept = backup.backups("kb", folder)
    assert [each.name for each in kept] == [
        "kb-19700101T000100Z.ragapp.zip", "kb-19700101T000200Z.ragapp.zip"
    ]  # fmt: skip

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_pack", full)
    with pytest.raises(RagappError, match="is full"):
        backup.backup(kb.folder, folder, 1, now=lambda: 180)
    assert backup.backups("kb", folder) == kept
    assert KnowledgeBase.open(restore(kept[-1], tmp_path / "back").folder).documents()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400)])
def test_a_time_is_read(text, seconds):
    assert backup.interval(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "0h", "-1h", "1w", "h"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError):
        backup.interval(text)
