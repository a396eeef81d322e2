"""The promises of the store: generations, one writer, nothing lost, nothing half visible."""

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ragapp import paths
from ragapp.embedding.whiten import unit
from ragapp.errors import (
    KnowledgeBaseBusy,
    KnowledgeBaseDamaged,
    KnowledgeBaseError,
    KnowledgeBaseMissing,
    UsageError,
)
from ragapp.index.knowledge_base import KnowledgeBase, delete, list_names
from ragapp.index.local.index import LocalIndex
from ragapp.index.reading import FittedSpace
from ragapp.index.store import Store

from .builders import (
    RAW,
    RECIPE,
    all_rows,
    asked,
    chunks_of,
    document,
    new_kb,
    searched,
    texts_found,
    whitening_space,
)

CATS = document("/d/cats.txt", "the cat sat on the mat", "cats sleep all day")
DOGS = document("/d/dogs.txt", "dogs chase cats")
TESTS = Path(__file__).parents[1]


@pytest.fixture
def kb(tmp_path):
    return new_kb(tmp_path / "kb", CATS, DOGS)


def add(kb, *documents, space=RAW, publish=True):
    with kb.writer() as writer:
        for each in documents:
            writer.add(each, chunks_of(each))
        if publish:
            writer.publish(space)


def in_another_process(kb, script):
    """Start a python that has the knowledge base open as ``kb``."""
    prelude = (
        "import sys, time\n"
        "from index.builders import *\n"
        f"kb = KnowledgeBase.open(__import__('pathlib').Path({str(kb.folder)!r}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + script], stdout=subprocess.PIPE, text=True, cwd=TESTS
    )


# --- generations ---


def test_a_new_knowledge_base_is_empty_and_searchable(tmp_path):
    kb = new_kb(tmp_path / "kb")
    assert kb.documents() == []
    assert searched(kb, "cats") == []
    assert kb.chunk_ids() == []


def test_what_is_published_is_found(kb):
    assert texts_found(kb, "cats") == {
        "the cat sat on the mat", "cats sleep all day", "dogs chase cats",
    }  # fmt: skip
    assert [(d.name, d.chunks) for d in kb.documents()] == [("cats.txt", 2), ("dogs.txt", 1)]


def test_readers_keep_the_old_generation_until_publish(kb):
    birds = document("/d/birds.txt", "birds sing")
    reader = KnowledgeBase.open(kb.folder)
    with kb.writer() as writer:
        writer.add(birds, chunks_of(birds))
        writer.remove(writer.find(path=CATS.path)[0].id)
        for each in (kb, reader, KnowledgeBase.open(kb.folder)):
            assert "birds sing" not in texts_found(each, "birds")
            assert "cats sleep all day" in texts_found(each, "cats")
            assert [d.name for d in each.documents()] == ["cats.txt", "dogs.txt"]
        writer.publish(RAW)
    for each in (kb, reader):
        assert texts_found(each, "birds") == {"birds sing", "dogs chase cats"}
        assert [d.name for d in each.documents()] == ["birds.txt", "dogs.txt"]


def test_a_document_of_the_same_path_takes_the_place_of_the_old(kb):
    add(kb, document(CATS.path, "the cat left"))
    assert texts_found(kb, "cats") == {"the cat left", "dogs chase cats"}


def test_replacing_twice_before_publishing_keeps_the_last(kb):
    with kb.writer() as writer:
        for text in ("first version", "second version"):
            new = document("/d/new.txt", text)
            writer.add(new, chunks_of(new))
        writer.publish(RAW)
    assert texts_found(kb, "version") >= {"second version"}
    assert "first version" not in texts_found(kb, "version")


def test_a_deleted_document_is_never_retrieved_again(kb):
    ids = kb.chunk_ids()
    with kb.writer() as writer:
        writer.remove(writer.find(path=CATS.path)[0].id)
        writer.publish(RAW)
    for each in (kb, KnowledgeBase.open(kb.folder)):
        assert texts_found(each, "the cat sat on the mat") == {"dogs chase cats"}
        assert len(each.chunks(ids)) == 1
    raw = b"".join(file.read_bytes() for file in kb.folder.rglob("*") if file.is_file())
    assert b"sat on the mat" not in raw


def test_deleting_everything_leaves_a_working_knowledge_base(kb):
    with kb.writer() as writer:
        for each in writer.documents():
            writer.remove(each.id)
        writer.publish(whitening_space())
    assert searched(kb, "cats", whitening_space()) == []
    add(kb, CATS)
    assert len(searched(kb, "cats")) == 2


def test_generations_count_up_and_only_the_files_of_the_last_stay(kb):
    add(kb, document("/d/a.txt", "a"))
    add(kb, document("/d/b.txt", "b"))
    assert kb.generation() == 3
    index = paths.index_folder(kb.folder)
    assert [f.name for f in index.glob("*.json")] == ["generation-00000003.json"]
    assert len(list(index.iterdir())) == 1 + 2 * 3  # two files for each of three segments


def test_one_writer_may_publish_several_times(kb):
    with kb.writer() as writer:
        for i in range(3):
            new = document(f"/d/{i}.txt", f"number {i}")
            writer.add(new, chunks_of(new))
            assert writer.publish(RAW) == i + 2
            assert not writer.unpublished()
    assert {"number 0", "number 1", "number 2"} <= texts_found(kb, "number")


def test_a_reader_never_mixes_generations_when_a_writer_publishes_meanwhile(tmp_path, monkeypatch):
    space = whitening_space()
    kb = new_kb(tmp_path / "kb", CATS, DOGS, space=space)
    reader = KnowledgeBase.open(kb.folder)
    load, published = Store.load_whitening, []

    def publish_first(store, version):
        if not published:  # between the reader's first and second look at the database
            published.append(True)
            add(kb, document("/d/birds.txt", "birds sing"), space=space)
        return load(store, version)

    monkeypatch.setattr(Store, "load_whitening", publish_first)
    snapshot = reader.snapshot(space)
    assert snapshot.space_state, "the whitening of the generation that was read"
    found = snapshot.index.candidates(np.ones(16, np.float32) / 4, asked("cats"), 10)
    assert (snapshot.generation, len(found.ids)) in {(1, 3), (2, 4)}
    monkeypatch.undo()
    assert searched(reader, "cats", space) == searched(KnowledgeBase.open(kb.folder), "cats", space)


def test_readers_and_a_writer_at_once(kb):
    space, problems, stop = whitening_space(), [], threading.Event()

    def read():
        reader = KnowledgeBase.open(kb.folder)
        while not stop.is_set():
            found = texts_found(reader, "cats and numbers", space)
            numbers = sorted(int(t.split()[1]) for t in found if t.startswith("number"))
            if numbers != list(range(len(numbers))):
                problems.append(numbers)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    try:
        for i in range(8):
            add(kb, document(f"/d/{i}.txt", f"number {i}"), space=space)
    finally:
        stop.set()
        for each in readers:
            each.join()
    assert problems == []


# --- one writer ---


def test_a_second_writer_in_the_same_process_is_refused(kb):
    with (
        kb.writer(),
        pytest.raises(KnowledgeBaseBusy, match="another ragapp is writing"),
        KnowledgeBase.open(kb.folder).writer(),
    ):
        pass
    with kb.writer():  # and the right comes back
        pass


def test_a_second_writer_in_another_thread_is_refused(kb):
    refused = []

    def write():
        try:
            with kb.writer():
                refused.append(False)
        except KnowledgeBaseBusy:
            refused.append(True)

    with kb.writer():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert refused == [True]


def test_a_writer_in_another_process_shuts_us_out_until_it_ends(kb):
    other = in_another_process(
        kb, "with kb.writer():\n    print('writing', flush=True)\n    time.sleep(60)\n"
    )
    assert other.stdout.readline() == "writing\n"
    try:
        with pytest.raises(KnowledgeBaseBusy), kb.writer():
            pass
        with pytest.raises(KnowledgeBaseBusy):
            delete(kb.folder)
        assert texts_found(kb, "cats")  # reading goes on
    finally:
        other.kill()
        other.wait()
    with kb.writer():
        pass


def test_another_process_sees_what_was_published(kb):
    assert texts_found(kb, "cats")
    other = in_another_process(
        kb,
        "new = document('/d/birds.txt', 'birds sing')\n"
        "with kb.writer() as writer:\n"
        "    writer.add(new, chunks_of(new))\n"
        "    writer.publish(RAW)\n",
    )
    assert other.wait() == 0
    assert "birds sing" in texts_found(kb, "birds")


# --- what happens to a process, or to a file ---


def test_a_writer_killed_before_publishing_leaves_nothing_half_visible(kb):
    other = in_another_process(
        kb,
        "new = document('/d/birds.txt', 'birds sing', 'birds fly')\n"
        "with kb.writer() as writer:\n"
        "    writer.add(new, chunks_of(new))\n"
        "    writer.remove(writer.find(path='/d/dogs.txt')[0].id)\n"
        "    print('stored', flush=True)\n"
        "    time.sleep(60)\n",
    )
    assert other.stdout.readline() == "stored\n"
    other.send_signal(signal.SIGKILL)
    other.wait()
    before = {"the cat sat on the mat", "cats sleep all day", "dogs chase cats"}
    assert texts_found(KnowledgeBase.open(kb.folder), "birds") == before
    with kb.writer() as writer:
        assert writer.unpublished()
        writer.publish(RAW)
    after = before - {"dogs chase cats"} | {"birds sing", "birds fly"}
    assert texts_found(KnowledgeBase.open(kb.folder), "birds") == after


def test_a_writer_killed_while_it_adds_leaves_whole_documents_only(kb):
    other = in_another_process(
        kb,
        "with kb.writer() as writer:\n"
        "    for i in range(100000):\n"
        "        new = document(f'/d/{i}.txt', 'one', 'two', 'three')\n"
        "        writer.add(new, chunks_of(new))\n"
        "        print(i, flush=True)\n",
    )
    acknowledged = [int(other.stdout.readline()) for _ in range(20)]
    other.kill()
    acknowledged += [int(line) for line in other.stdout.read().split("\n")[:-1]]
    other.wait()
    with kb.writer() as writer:
        writer.publish(RAW)
    documents = {d.path: d.chunks for d in kb.documents() if d.path[3:-4].isdigit()}
    assert set(documents) >= {f"/d/{i}.txt" for i in acknowledged}
    assert set(documents.values()) == {3}
    assert len(kb.chunk_ids()) == 3 + 3 * len(documents)


def flip_a_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-7])


def empty(file):
    file.write_bytes(b"")


def remove(file):
    file.unlink()


class Stopped(BaseException):
    """The process ends here."""


@pytest.fixture
def stop_at(monkeypatch):
    """Let the process end at the nth step that changes files; returns whether it got so far."""
    steps = [(os, "fsync"), (Path, "replace"), (Path, "unlink"), (Store, "purge"),
             (Store, "publish"), (LocalIndex, "drop_others")]  # fmt: skip

    def arm(nth):
        left = [nth]

        def counted(real):
            def step(*arguments, **options):
                left[0] -= 1
                if left[0] == 0:
                    raise Stopped
                return real(*arguments, **options)

            return step

        for owner, name in steps:
            monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
        return left

    return arm


@pytest.mark.parametrize("refit", [False, True])
def test_a_writer_stopped_anywhere_in_publishing_leaves_one_generation_or_the_other(
    tmp_path, stop_at, monkeypatch, refit
):
    space = whitening_space()
    first = [document(f"/d/{i}.txt", f"number {i}") for i in range(4 if refit else 12)]
    original = new_kb(tmp_path / "original", *first, space=space)
    with original.writer() as writer:  # so that there is a file of dead rows, too
        writer.remove(writer.find(name="0.txt")[0].id)
        writer.publish(space)
    birds = document("/d/birds.txt", "birds sing")
    before = texts_found(original, "birds", space)
    after = before - {"number 1"} | {"birds sing"}

    def change(kb):
        with kb.writer() as writer:
            writer.remove(writer.find(name="1.txt")[0].id)
            writer.add(birds, chunks_of(birds))
            if refit:
                more = document("/d/more.txt", *(f"more {i}" for i in range(9)))
                writer.add(more, chunks_of(more))
            writer.publish(space)

    for nth in range(1, 100):
        kb = KnowledgeBase.open(Path(shutil.copytree(original.folder, tmp_path / str(nth))))
        left = stop_at(nth)
        stopped = False
        try:
            change(kb)
        except Stopped:
            stopped = True
        monkeypatch.undo()
        if not stopped:
            break
        reopened = KnowledgeBase.open(kb.folder)
        found = {t for t in texts_found(reopened, "birds", space) if not t.startswith("more")}
        assert found in (before, after)
        assert left[0] == 0
        add(reopened, document("/d/last.txt", "last"), space=space)
        found = {t for t in texts_found(reopened, "birds", space) if not t.startswith("more")}
        assert found == after | {"last"}
        index = paths.index_folder(kb.folder)
        assert len(list(index.iterdir())) <= 8
        assert len(list(index.glob("*.json"))) == 1
    assert nth > 8


@pytest.fixture
def kb_with_every_file(tmp_path):
    """One whose index has a segment with a dead row."""
    many = document("/d/many.txt", *(f"line {i} of many" for i in range(30)))
    kb = new_kb(tmp_path / "kb", CATS, many, DOGS, space=whitening_space())
    with kb.writer() as writer:
        writer.remove(writer.find(name=DOGS.name)[0].id)
        writer.publish(whitening_space())
    return kb


@pytest.mark.parametrize("harm", [flip_a_byte, truncate, empty, remove])
@pytest.mark.parametrize("suffix", [".faiss", ".safetensors", ".dead", ".json"])
def test_a_harmed_index_is_rebuilt_from_the_store(kb_with_every_file, suffix, harm, monkeypatch):
    space, kb = whitening_space(), kb_with_every_file
    expected = searched(kb, "cats sleep", space)
    [file] = paths.index_folder(kb.folder).glob(f"*{suffix}")
    harm(file)
    assert searched(KnowledgeBase.open(kb.folder), "cats sleep", space) == expected
    # What was rebuilt is kept, so that it is not rebuilt at every start.
    monkeypatch.setattr(LocalIndex, "rebuild", None)
    assert searched(KnowledgeBase.open(kb.folder), "cats sleep", space) == expected


@pytest.mark.parametrize("harm", [flip_a_byte, truncate, empty, remove])
@pytest.mark.parametrize("suffix", [".faiss", ".safetensors", ".dead", ".json"])
def test_a_writer_gets_over_a_harmed_index(kb_with_every_file, suffix, harm):
    space, kb = whitening_space(), kb_with_every_file
    [file] = paths.index_folder(kb.folder).glob(f"*{suffix}")
    harm(file)
    kb = KnowledgeBase.open(kb.folder)
    with kb.writer() as writer:
        writer.remove(writer.find(name=CATS.name)[0].id)
        writer.publish(space)
    assert texts_found(KnowledgeBase.open(kb.folder), "cats", space) == {
        f"line {i} of many" for i in range(30)
    }


def test_an_index_that_cannot_be_kept_is_made_in_memory(kb, monkeypatch):
    expected = searched(kb, "cats")
    for file in paths.index_folder(kb.folder).iterdir():
        file.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ragapp.index.local.manifest.write", full)
    assert searched(KnowledgeBase.open(kb.folder), "cats") == expected


def test_a_harmed_index_is_named_in_the_log(kb, caplog):
    [file] = paths.index_folder(kb.folder).glob("*.faiss")
    flip_a_byte(file)
    with caplog.at_level(logging.WARNING):
        KnowledgeBase.open(kb.folder).snapshot(RAW)
    assert f"{file.name} does not match its checksum" in caplog.text


def test_a_sound_index_is_used(kb, monkeypatch):
    monkeypatch.setattr(LocalIndex, "rebuild", None)  # would be called to rebuild
    assert len(searched(KnowledgeBase.open(kb.folder), "cats")) == 3


def test_an_index_of_another_generation_is_never_opened(kb):
    old_files = {f.name: f.read_bytes() for f in paths.index_folder(kb.folder).iterdir()}
    with kb.writer() as writer:
        writer.remove(writer.find(path=CATS.path)[0].id)
        writer.publish(RAW)
    for name, content in old_files.items():  # somebody restored half a backup
        name = name.replace("generation-00000001", "generation-00000002")
        (paths.index_folder(kb.folder) / name).write_bytes(content)
    assert texts_found(KnowledgeBase.open(kb.folder), "cats") == {"dogs chase cats"}


# --- the vector space ---


def space_of(kb):
    with kb._store() as store:
        return store.fitted_space()


def test_the_space_is_fitted_anew_when_the_base_has_grown_or_shrunk_by_half(tmp_path):
    space, kb = whitening_space(), new_kb(tmp_path / "kb")
    versions = []
    for i in range(12):
        add(kb, document(f"/d/{i}.txt", f"number {i}"), space=space)
        versions.append((space_of(kb).version, space_of(kb).fitted_on))
    assert versions[:5] == [(1, 1), (2, 2), (3, 3), (3, 3), (4, 5)]
    assert versions[-1] == (6, 12)
    with kb.writer() as writer:
        for each in writer.documents()[:5]:
            writer.remove(each.id)
        writer.publish(space)
        assert space_of(kb) == FittedSpace(6, 12, 7)
        writer.remove(writer.documents()[0].id)
        writer.publish(space)
    assert space_of(kb) == FittedSpace(7, 6, 6)


def test_between_fits_new_passages_take_the_map_that_stands(tmp_path):
    space = whitening_space()
    kb = new_kb(tmp_path / "kb", *(document(f"/d/{i}.txt", f"number {i}") for i in range(10)),
                space=space)  # fmt: skip
    state = kb.snapshot(space).space_state
    add(kb, document("/d/new.txt", "a new one"), space=space)
    with kb._store() as store:
        loaded = store.load_whitening(space_of(kb).version)
        rows = all_rows(store.index_rows(2))
    assert {k: v.tolist() for k, v in loaded.items()} == {k: v.tolist() for k, v in state.items()}
    mapped = space.apply(state, rows.vectors, rows.openings)
    question = unit(np.ones(16))
    found = kb.snapshot(space).index.candidates(question, {}, 100)
    assert found.dense == pytest.approx(mapped @ question, abs=1e-5)


def test_damage_inside_the_database_is_said_so(kb):
    many = document("/d/many.txt", *(f"line {i} of many" for i in range(200)))
    add(kb, many)
    file = paths.store_file(kb.folder)
    content = bytearray(file.read_bytes())
    content[2 * 4096 :] = b"\xa5" * (len(content) - 2 * 4096)
    file.write_bytes(content)
    for file in paths.index_folder(kb.folder).iterdir():
        file.unlink()
    with pytest.raises(KnowledgeBaseDamaged, match="backup"):
        searched(KnowledgeBase.open(kb.folder), "many")


def test_a_full_disk_says_so_and_the_old_generation_answers(kb):
    expected = searched(kb, "cats")
    many = document("/d/many.txt", *(f"line {i} of many" for i in range(500)))

    def write_more_than_fits():
        with kb.writer() as writer:
            connection = writer._store._connection
            limit = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {limit}")
            writer.add(many, chunks_of(many))

    with pytest.raises(KnowledgeBaseError, match=r"volume mounted at .* is full"):
        write_more_than_fits()
    assert searched(KnowledgeBase.open(kb.folder), "cats") == expected
    add(kb, document("/d/birds.txt", "birds sing"))
    assert len(searched(kb, "cats")) == 4


def test_nothing_on_disk_is_a_pickle(kb):
    files = [file for file in kb.folder.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {
        ".sqlite",
        ".lock",
        ".faiss",
        ".dead",
        ".safetensors",
        ".json",
    }
    assert not [file for file in files if file.read_bytes()[:1] == b"\x80"]


# --- making, listing, deleting ---


def test_creating_over_an_existing_one_is_refused(kb):
    with pytest.raises(UsageError, match="exists already"):
        KnowledgeBase.create(kb.folder, RECIPE)
    assert len(kb.documents()) == 2


def test_a_full_disk_at_creation_is_said_so(tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "create", full)
    with pytest.raises(KnowledgeBaseError, match=r"cannot be made.*disk is full"):
        KnowledgeBase.create(tmp_path / "kb", RECIPE)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_at_publishing_is_said_so_and_nothing_is_lost(kb, monkeypatch):
    expected = searched(kb, "cats")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ragapp.index.local.segment.save", full)
    with pytest.raises(KnowledgeBaseError, match="No space left"):
        add(kb, document("/d/birds.txt", "birds sing"))
    assert searched(kb, "cats") == expected
    monkeypatch.undo()
    with kb.writer() as writer:
        assert writer.unpublished()
        writer.publish(RAW)
    assert "birds sing" in texts_found(kb, "birds")


def test_one_deleted_under_a_reader_is_missing_not_a_full_disk(kb):
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    delete(kb.folder)
    for use in (reader.documents, lambda: reader.snapshot(RAW), lambda: add(reader, CATS)):
        with pytest.raises(KnowledgeBaseMissing):
            use()


def test_one_made_anew_under_a_reader_and_a_writer_is_another_one(kb):
    old = KnowledgeBase.open(kb.folder)
    old.snapshot(RAW)
    generation = old.generation()
    delete(kb.folder)
    anew = KnowledgeBase.create(kb.folder, replace(RECIPE, created="later"))
    for _ in range(generation):
        add(anew, DOGS)
    for use in (old.documents, lambda: old.snapshot(RAW), lambda: add(old, CATS)):
        with pytest.raises(KnowledgeBaseMissing, match="made"):
            use()
    assert [d.name for d in anew.documents()] == [DOGS.name]


def test_opening_what_is_not_there(tmp_path):
    with pytest.raises(KnowledgeBaseMissing, match="ragapp kb create lost"):
        KnowledgeBase.open(tmp_path / "lost")


def test_listing_leaves_out_what_is_not_whole(tmp_path):
    folder = paths.knowledge_bases(tmp_path)
    assert list_names(tmp_path) == []
    new_kb(folder / "笔记")
    new_kb(folder / "work")
    (folder / "empty").mkdir()
    (folder / ".work.new-1").mkdir()
    assert list_names(tmp_path) == ["work", "笔记"]


def test_deleting_takes_the_folder_with_it(kb):
    (paths.uploads(kb.folder)).mkdir()
    delete(kb.folder)
    assert not kb.folder.exists()
    assert list(kb.folder.parent.iterdir()) == []
    with pytest.raises(KnowledgeBaseMissing):
        delete(kb.folder)
