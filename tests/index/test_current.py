"""A question is answered from the generation there is; the next one is opened beside it."""

import threading
import time

import numpy as np
import pytest

from ragapp import paths
from ragapp.index import current
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.local import segment as segments
from ragapp.index.local.index import LocalIndex

from .builders import RAW, asked, chunks_of, document, new_kb, texts_found, whitening_space

CATS = document("/d/cats.txt", "cats sleep all day")
QUESTION = np.ones(16, np.float32) / 4


@pytest.fixture
def kb(tmp_path):
    return new_kb(tmp_path / "kb", CATS)


@pytest.fixture
def nothing_at_once(monkeypatch):
    """Let every new generation be one that takes long to open."""
    monkeypatch.setattr(current, "AT_ONCE", -1)


@pytest.fixture
def gate(monkeypatch):
    """Opening waits at this until it is set; it starts open."""
    gate, open_it = threading.Event(), LocalIndex.open

    def wait_and_open(*arguments):
        assert gate.wait(30)
        return open_it(*arguments)

    gate.set()
    monkeypatch.setattr(LocalIndex, "open", wait_and_open)
    yield gate
    gate.set()


def add(kb, *texts, space=RAW):
    with kb.writer() as writer:
        for text in texts:
            new = document(f"/d/{text}.txt", text)
            writer.add(new, chunks_of(new))
        writer.publish(space)


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_old_generation_answers_until_a_large_new_one_is_open(kb, nothing_at_once, gate):
    reader = KnowledgeBase.open(kb.folder)
    assert texts_found(reader, "cats") == {"cats sleep all day"}
    gate.clear()
    add(kb, "birds sing")  # as another process would
    for _ in range(3):
        assert texts_found(reader, "birds") == {"cats sleep all day"}
    gate.set()
    wait_for(lambda: reader.snapshot(RAW).generation == 2)
    assert texts_found(reader, "birds") == {"cats sleep all day", "birds sing"}


def test_a_small_new_generation_is_opened_by_the_question_itself(kb, gate):
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    add(kb, "birds sing")
    assert "birds sing" in texts_found(reader, "birds")


def test_a_missing_index_is_made_in_the_background_too(kb, nothing_at_once, gate):
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    add(kb, "birds sing")
    for file in paths.index_folder(kb.folder).iterdir():
        file.unlink()
    assert texts_found(reader, "birds") == {"cats sleep all day"}
    wait_for(lambda: "birds sing" in texts_found(reader, "birds"))


def test_a_harmed_new_segment_is_not_mended_in_a_question(kb, monkeypatch):
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    old = set(paths.index_folder(kb.folder).iterdir())
    add(kb, "birds sing")
    for file in set(paths.index_folder(kb.folder).iterdir()) - old:
        if file.suffix == ".faiss":
            file.write_bytes(b"harmed")
    gate, rebuild = threading.Event(), LocalIndex.rebuild

    def wait_and_rebuild(*arguments):
        assert gate.wait(30)
        return rebuild(*arguments)

    monkeypatch.setattr(LocalIndex, "rebuild", wait_and_rebuild)
    assert texts_found(reader, "birds") == {"cats sleep all day"}
    gate.set()
    wait_for(lambda: "birds sing" in texts_found(reader, "birds"))


def test_the_first_question_waits(kb, nothing_at_once, gate):
    gate.clear()
    found = []
    thread = threading.Thread(target=lambda: found.append(texts_found(kb, "cats")))
    thread.start()
    thread.join(0.2)
    assert found == []
    gate.set()
    thread.join()
    assert found == [{"cats sleep all day"}]


def test_who_publishes_hands_the_new_generation_over(kb, nothing_at_once, monkeypatch):
    space = whitening_space()
    kb.snapshot(space)
    monkeypatch.setattr(LocalIndex, "open", None)  # nothing is read again
    for i in range(5):
        add(kb, f"number {i}", space=space)
        assert f"number {i}" in texts_found(kb, "number", space)
    with kb.writer() as writer:
        writer.remove(writer.find(name="number 0.txt")[0].id)
        writer.publish(space)
    assert "number 0" not in texts_found(kb, "number", space)


def test_nothing_is_kept_in_memory_for_who_never_asks(kb):
    add(kb, "birds sing")
    assert kb._current.held() is None


def test_what_was_deleted_does_not_come_back_from_the_old_generation(kb, nothing_at_once, gate):
    add(kb, "birds sing")
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    gate.clear()
    with kb.writer() as writer:
        writer.remove(writer.find(path=CATS.path)[0].id)
        writer.publish(RAW)
    assert reader.snapshot(RAW).generation == 2
    assert texts_found(reader, "cats") == {"birds sing"}


def test_an_older_copy_of_the_folder_is_taken_for_what_it_is(kb):
    saved = paths.store_file(kb.folder).read_bytes()
    add(kb, "birds sing")
    kb.snapshot(RAW)
    paths.store_file(kb.folder).write_bytes(saved)
    assert texts_found(kb, "cats") == {"cats sleep all day"}


def test_a_copy_that_went_another_way_is_opened_with_its_own_dead_rows(tmp_path):
    space = whitening_space()
    kb = new_kb(tmp_path / "kb", *(document(f"/d/{i}.txt", f"number {i}") for i in range(20)),
                space=space)  # fmt: skip
    saved = [(file, file.read_bytes()) for file in kb.folder.rglob("*") if file.is_file()]
    with kb.writer() as writer:
        writer.remove(writer.find(name="1.txt")[0].id)
        writer.publish(space)
    kb.snapshot(space)
    for file, content in saved:
        file.write_bytes(content)
    other = KnowledgeBase.open(kb.folder)
    for name in ("2.txt", "3.txt"):
        with other.writer() as writer:
            writer.remove(writer.find(name=name)[0].id)
            writer.publish(space)
    mine, anew = (each.snapshot(space).index for each in (kb, KnowledgeBase.open(kb.folder)))
    a, b = (index.candidates(QUESTION, asked("number 1"), 100) for index in (mine, anew))
    assert a.ids.tolist() == b.ids.tolist()
    assert (a.dense_moments.mean, a.dense_moments.deviation) == pytest.approx(
        (b.dense_moments.mean, b.dense_moments.deviation), abs=1e-6
    )


def test_a_background_opening_that_fails_leaves_the_old_one_and_says_so(
    kb, nothing_at_once, monkeypatch, caplog
):
    reader = KnowledgeBase.open(kb.folder)
    reader.snapshot(RAW)
    add(kb, "birds sing")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(LocalIndex, "open", fail)
    assert texts_found(reader, "cats") == {"cats sleep all day"}
    wait_for(lambda: "an older one answers" in caplog.text)
    monkeypatch.undo()
    wait_for(lambda: "birds sing" in texts_found(reader, "birds"))


def lines(path, count):
    return document(path, *(f"line {i} of {path}" for i in range(count)))


SLOW_S = 2.0
BOUND_S = 1.5


@pytest.mark.parametrize("same_process", [True, False], ids=["one object", "two objects"])
def test_readers_hammer_while_documents_change_and_the_space_is_refitted(
    tmp_path, monkeypatch, same_process
):
    """Every answer is of one generation, nothing deleted comes back, and nobody waits."""
    space = whitening_space()
    small = [document(f"/d/{i}.txt", f"number {i}") for i in range(24)]
    kb = new_kb(tmp_path / "kb", lines("/d/many.txt", 600), *small, space=space)
    generations = {1: set(kb.chunk_ids())}
    reader_kb = kb if same_process else KnowledgeBase.open(kb.folder)
    reader_kb.snapshot(space)
    load = segments.load

    def slow_load(folder, name, rows, files):
        if rows > 500:
            time.sleep(SLOW_S)
        return load(folder, name, rows, files)

    monkeypatch.setattr(segments, "load", slow_load)
    monkeypatch.setattr(current, "AT_ONCE", 100)
    gone: set[str] = set()
    answers, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            gone_before, began = set(gone), time.perf_counter()
            snapshot = reader_kb.snapshot(space)
            found = snapshot.index.candidates(QUESTION, asked("number 3"), 10_000).ids.tolist()
            texts = {chunk.text for chunk in reader_kb.chunks(found).values()}
            seconds = time.perf_counter() - began
            answers.append((snapshot.generation, set(found), texts & gone_before, seconds))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    try:
        for i in range(12):
            with kb.writer() as writer:
                writer.remove(writer.find(path=f"/d/{i}.txt")[0].id)
                changed = document(f"/d/{12 + i}.txt", f"changed {i}")
                writer.add(changed, chunks_of(changed))
                if i in (3, 9):
                    more = lines(f"/d/more-{i}.txt", 200 * i)  # and a refit
                    writer.add(more, chunks_of(more))
                generation = writer.publish(space)
            gone |= {f"number {i}", f"number {12 + i}"}
            generations[generation] = set(kb.chunk_ids())
        wait_for(lambda: answers[-1][0] == 13)
    finally:
        stop.set()
        for each in readers:
            each.join()
    with kb._store() as store:
        assert store.fitted_space().version == 3
    assert [back for _, _, back, _ in answers if back] == []
    assert all(found == generations[generation] for generation, found, _, _ in answers)
    assert {generation for generation, _, _, _ in answers} >= {1, 13}
    assert max(seconds for _, _, _, seconds in answers) < BOUND_S
