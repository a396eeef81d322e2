"""Files to a knowledge base: what becomes of each, and what is found afterwards."""

import os
import threading
import time

import pytest
from fixtures import library

from ragapp import ingest as ingest_module
from ragapp.ask import find
from ragapp.errors import KnowledgeBaseBusy
from ragapp.ingest import Status, ingest
from ragapp.people import LOCAL
from ragapp.remove import remove
from ragapp.types import Stage

CATS = "The cat sleeps on the warm mat all day long."
DOGS = "Dogs chase the postman down the street."


@pytest.fixture
def kb(models_dir, tmp_path_factory, request):
    home = tmp_path_factory.getbasetemp() / "ingest-home"
    return library(models_dir, home).create(f"kb-{abs(hash(request.node.name))}", LOCAL)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cats.txt").write_text(CATS)
    (tmp_path / "dogs.md").write_text(f"# Dogs\n\n{DOGS}\n")
    return tmp_path


def statuses(results):
    return [result.status.value for result in results]


def texts(kb):
    chunks = kb.kb.chunks(kb.kb.chunk_ids())
    return " ".join(chunk.text for chunk in chunks.values())


def test_new_files_are_added_and_found(kb, folder):
    results = ingest([folder], kb)
    assert statuses(results) == ["added", "added"]
    assert [r.chunks for r in results] == [1, 1]
    assert find("Who sleeps on the mat?", kb, 1)[0].document == "cats.txt"


def test_the_same_again_is_unchanged_and_publishes_nothing(kb, folder):
    ingest([folder], kb)
    generation = kb.kb.generation()
    assert statuses(ingest([folder], kb)) == ["unchanged"] * 2
    assert kb.kb.generation() == generation


def test_changed_content_takes_the_place_of_the_old(kb, folder):
    ingest([folder], kb)
    (folder / "cats.txt").write_text("The cat has moved to the sofa.")
    assert statuses(ingest([folder], kb)) == ["updated", "unchanged"]
    assert "mat" not in texts(kb)
    assert "sofa" in texts(kb)


def test_the_same_bytes_under_another_name_are_kept_once(kb, folder):
    ingest([folder], kb)
    (folder / "copy.txt").write_text(CATS)
    results = ingest([folder / "copy.txt"], kb)
    assert statuses(results) == ["duplicate"]
    assert results[0].notes[0].code == "same_content"
    assert len(kb.kb.documents()) == 2


def test_a_moved_file_is_renamed_not_read_again(kb, folder):
    ingest([folder], kb)
    (folder / "cats.txt").rename(folder / "felines.txt")
    assert statuses(ingest([folder], kb)) == ["unchanged", "renamed"]
    assert {d.name for d in kb.kb.documents()} == {"dogs.md", "felines.txt"}
    assert find("Who sleeps on the mat?", kb, 1)[0].document == "felines.txt"


def test_a_file_overwritten_with_a_copy_of_another_loses_what_it_said_before(kb, folder):
    ingest([folder], kb)
    (folder / "dogs.md").write_text(CATS)
    assert statuses(ingest([folder], kb)) == ["unchanged", "duplicate"]
    assert "postman" not in texts(kb)


def test_a_file_moved_over_another_loses_what_that_said_before(kb, folder):
    ingest([folder], kb)
    (folder / "cats.txt").replace(folder / "dogs.md")
    assert statuses(ingest([folder], kb)) == ["renamed"]
    assert [d.name for d in kb.kb.documents()] == ["dogs.md"]
    assert "postman" not in texts(kb)


def test_one_bad_file_does_not_stop_the_rest(kb, folder):
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "empty.txt").write_text("")
    results = ingest([folder, folder / "missing.txt", folder / "what.xyz"], kb)
    by_name = {result.path.rsplit("/", 1)[1]: result for result in results}
    assert {name for name, r in by_name.items() if r.status is Status.FAILED} == {
        "bad.pdf", "empty.txt", "missing.txt", "what.xyz",
    }  # fmt: skip
    assert all(by_name[n].error for n in ("bad.pdf", "empty.txt", "missing.txt", "what.xyz"))
    assert {d.name for d in kb.kb.documents()} == {"cats.txt", "dogs.md"}


def test_a_file_that_fails_now_keeps_what_was_read_before(kb, folder):
    ingest([folder], kb)
    (folder / "cats.txt").write_text("")
    assert statuses(ingest([folder], kb)) == ["failed", "unchanged"]
    assert "mat" in texts(kb)


def test_cancelling_keeps_what_is_finished(kb, folder):
    stop = threading.Event()

    def progress(event):
        if event.stage is Stage.DONE:
            stop.set()

    assert statuses(ingest([folder], kb, progress, stop.is_set)) == ["added", "cancelled"]
    assert [d.name for d in kb.kb.documents()] == ["cats.txt"]
    assert "mat" in texts(kb)


def test_cancelling_in_the_middle_of_a_file_leaves_none_of_it(kb, folder):
    stop = threading.Event()

    def progress(event):
        if event.stage is Stage.EMBEDDING:
            stop.set()

    results = ingest([folder], kb, progress, stop.is_set)
    assert statuses(results)[1] == "cancelled"
    assert all(d.chunks == 1 for d in kb.kb.documents())
    assert len(kb.kb.documents()) == statuses(results).count("added")


def test_progress_goes_through_the_stages_in_order(kb, folder):
    events = []
    ingest([folder / "cats.txt"], kb, events.append)
    of_the_file = [event for event in events if event.item.endswith("cats.txt")]
    stages = list(dict.fromkeys(event.stage.value for event in of_the_file))
    assert stages == ["parsing", "chunking", "embedding", "indexing", "done"]
    embedding = [e for e in events if e.stage is Stage.EMBEDDING]
    assert (embedding[-1].done, embedding[-1].total) == (1, 1)
    failed = []
    ingest([folder / "missing.txt"], kb, failed.append)
    assert failed[-1].stage is Stage.FAILED
    assert str(failed[-1].error) == failed[-1].message


def test_chinese_files_in_their_encodings(kb, tmp_path):
    (tmp_path / "简体.txt").write_bytes("猫在垫子上睡觉，一整天都不动。".encode("gb18030") * 4)
    (tmp_path / "繁體.txt").write_bytes("狗在街上追著郵差跑，嚇壞了鄰居。".encode("big5") * 4)
    assert statuses(ingest([tmp_path], kb)) == ["added", "added"]
    assert find("谁追邮差？", kb, 1)[0].document == "繁體.txt"
    assert find("貓在哪裡睡覺？", kb, 1)[0].document == "简体.txt"


def test_removing_by_name_or_path(kb, folder):
    ingest([folder], kb)
    assert [d.name for d in remove("cats.txt", kb)] == ["cats.txt"]
    assert [d.name for d in remove(str(folder / "dogs.md"), kb)] == ["dogs.md"]
    assert remove("dogs.md", kb) == []
    assert texts(kb) == ""


def test_somebody_who_goes_on_writing_is_waited_for_and_then_named(kb, folder, monkeypatch):
    monkeypatch.setattr(ingest_module, "WAIT_FOR_WRITER_S", 0.2)
    with kb.kb.writer(), pytest.raises(KnowledgeBaseBusy):
        ingest([folder], kb)


def test_others_may_delete_while_files_are_read_and_embedded(kb, folder):
    """Only writing holds the lock: a deletion in the middle of a run is not refused."""
    ingest([folder], kb)
    for number in range(3):
        (folder / f"more-{number}.txt").write_text(f"Bird number {number} sings. " * 200)
    removed = []

    def progress(event):
        if event.stage is Stage.EMBEDDING and not removed:
            removed.extend(remove("dogs.md", kb))

    (folder / "dogs.md").unlink()
    assert statuses(ingest([folder], kb, progress)).count("added") == 3
    assert [d.name for d in removed] == ["dogs.md"]
    assert "postman" not in texts(kb)


def test_small_files_are_embedded_together(kb, tmp_path):
    for number in range(40):
        (tmp_path / f"{number:02}.txt").write_text(f"Ship number {number} has a red sail.")
    together = []

    def progress(event):
        if event.stage is Stage.EMBEDDING and event.done == 0:
            together.append(event.item)
        elif event.stage is Stage.EMBEDDING and event.done == 1:
            together.append(None)

    ingest([tmp_path], kb, progress)
    runs = "".join("s" if item else "e" for item in together).split("e")
    assert max(len(run) for run in runs) >= 5


def test_what_was_stored_is_searchable_after_an_error_ends_the_run(kb, folder, monkeypatch):
    """For whatever reason: memory, a full disk, a mistake of ours."""
    real, calls = kb.encoder.encode_passages, []

    def encode(passages, *rest):
        calls.append(passages)
        if len(calls) > 1:
            raise ZeroDivisionError
        return real(passages, *rest)

    monkeypatch.setattr(kb.encoder, "encode_passages", encode)
    with pytest.raises(ZeroDivisionError):
        ingest([folder], kb)
    assert find("Who sleeps on the mat?", kb, 1)[0].document == "cats.txt"


def test_what_a_folder_holds_that_cannot_be_read_is_named(kb, folder):
    (folder / "tune.mp3").write_bytes(b"ID3")
    result = ingest([folder], kb)[-1]
    assert (result.status, result.path) == (Status.SKIPPED, str(folder / "tune.mp3"))
    assert "tune.mp3" in str(result.error)


def test_bytes_that_move_while_their_old_place_is_rewritten_are_not_lost(kb, tmp_path):
    (tmp_path / "a.txt").write_text(CATS)
    ingest([tmp_path], kb)
    (tmp_path / "b.txt").write_text(CATS)
    (tmp_path / "a.txt").write_text(DOGS)
    ingest([tmp_path], kb)
    assert {d.name for d in kb.kb.documents()} == {"a.txt", "b.txt"}
    assert "mat" in texts(kb)
    assert "postman" in texts(kb)


def test_a_name_in_another_encoding_is_that_file_s_error(kb, folder):
    odd = folder / os.fsdecode("报告.txt".encode("gb18030"))
    odd.write_text(CATS)
    for _ in range(2):  # the second time, its bytes are known
        fates = {result.path: result for result in ingest([folder], kb)}
        assert fates.pop(str(odd)).error.code == "name_not_text"
        assert not [fate for fate in fates.values() if fate.error]
    assert remove(odd.name, kb) == []


def test_a_text_that_nobody_foresaw_is_that_file_s_error(kb, folder, monkeypatch):
    split = ingest_module.split_document

    def split_all_but_cats(document, *rest):
        if document.name == "cats.txt":
            raise IndexError("list index out of range")
        return split(document, *rest)

    monkeypatch.setattr(ingest_module, "split_document", split_all_but_cats)
    cats, dogs = ingest([folder], kb)
    assert (cats.status, dogs.status) == (Status.FAILED, Status.ADDED)
    assert "IndexError" in str(cats.error)


def test_what_is_too_long_for_a_path_is_that_path_s_error(kb, folder):
    results = ingest([folder / ("x" * 300), folder], kb)
    assert statuses(results) == ["failed", "added", "added"]


def test_a_file_too_large_to_be_read_is_not_hashed_either(kb, folder):
    with (folder / "disk.txt").open("wb") as file:
        file.truncate(1 << 40)
    begin = time.monotonic()
    fates = {result.path: result for result in ingest([folder], kb)}
    assert fates[str(folder / "disk.txt")].error.code == "file_too_large"
    assert time.monotonic() - begin < 60


def test_a_document_that_is_nearly_another_is_kept_and_said_to_be(kb, tmp_path):
    text = " ".join(f"Step {n} turns valve {n * 7 % 31} by {n} degrees." for n in range(80))
    (tmp_path / "v1.txt").write_text(text)
    (tmp_path / "v2.txt").write_text(text.replace("valve 14 ", "valve 15 ", 1))
    first, second = ingest([tmp_path / "v1.txt", tmp_path / "v2.txt"], kb)
    assert (first.status, second.status) == (Status.ADDED, Status.ADDED)
    assert [note.code for note in first.notes] == []
    [note] = second.notes
    assert note.code == "nearly_the_same"
    assert note.values["path"] == str(tmp_path / "v1.txt")
    assert 85 <= note.values["percent"] <= 100
    (tmp_path / "v1.txt").unlink()
    remove("v1.txt", kb)
    (tmp_path / "v3.txt").write_text(text + " The end.")
    [third] = ingest([tmp_path / "v3.txt"], kb)
    assert [note.values["path"] for note in third.notes] == [str(tmp_path / "v2.txt")]


def test_a_long_document_is_embedded_bit_by_bit_and_stored_as_a_whole(kb, tmp_path, monkeypatch):
    text = "\n\n".join(f"Ship number {n} has sail {n * 7}, and hold {n % 13}." for n in range(120))
    (tmp_path / "short.txt").write_text(text)
    [short] = ingest([tmp_path / "short.txt"], kb)
    whole = kb.kb.chunks(kb.kb.chunk_ids())
    remove("short.txt", kb)
    monkeypatch.setattr("ragapp.ingest.PORTION", 1000)
    monkeypatch.setattr("ragapp.ingest.LONG_CHUNKS", 3)
    (tmp_path / "long.txt").write_text(text)
    events = []
    [long] = ingest([tmp_path / "long.txt"], kb, events.append)
    assert (long.status, long.chunks) == (Status.ADDED, short.chunks)
    again = kb.kb.chunks(kb.kb.chunk_ids())
    for one, other in zip(whole.values(), again.values(), strict=True):
        assert one.text == other.text
        # the file's name stands before each, so that vectors differ a little
        assert len(one.sentence_vectors) == len(other.sentence_vectors)
    embedding = [event for event in events if event.stage is Stage.EMBEDDING]
    done = [event.done for event in embedding]
    assert done == sorted(done)
    assert done[-1] == embedding[-1].total == long.chunks


def test_a_long_document_that_is_stopped_leaves_nothing(kb, tmp_path, monkeypatch):
    monkeypatch.setattr("ragapp.ingest.PORTION", 1000)
    monkeypatch.setattr("ragapp.ingest.LONG_CHUNKS", 2)
    lines = (f"Ship {n} sails on day {n}." for n in range(300))
    (tmp_path / "long.txt").write_text("\n\n".join(lines))
    events = []

    def enough():
        return sum(event.stage is Stage.EMBEDDING and event.done > 2 for event in events) > 0

    [stopped] = ingest([tmp_path / "long.txt"], kb, events.append, enough)
    assert stopped.status is Status.CANCELLED
    assert kb.kb.find(path=str(tmp_path / "long.txt")) == []
    [again] = ingest([tmp_path / "long.txt"], kb)
    assert again.status is Status.ADDED
