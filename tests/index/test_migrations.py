"""A knowledge base of an earlier version opens, answers as it did, and goes on from there.

``old_base`` was written by format 1; ``old_base/make.py`` says how.
"""

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from ragapp import paths
from ragapp.embedding.space import VectorSpace
from ragapp.embedding.whiten import BackgroundStatistics, moments
from ragapp.errors import KnowledgeBaseDamaged, KnowledgeBaseError
from ragapp.index import spare
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.local import lexical
from ragapp.index.migrations import SCHEMA_VERSION
from ragapp.index.reading import FittedSpace
from ragapp.index.store import Store
from ragapp.text.language import Language, language_of
from ragapp.text.terms import term_counts

from .builders import asked, chunks_of, document

OLD_BASE = Path(__file__).parent / "old_base"
EXPECTED = json.loads((OLD_BASE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(OLD_BASE / "home" / "kb" / "notes", tmp_path / "notes"))


@pytest.fixture
def space():
    """A space that is only read in these tests: the state comes from the base."""
    none = moments(np.zeros((0, 16), np.float32), [], 16)
    zero = dict.fromkeys(Language, np.zeros(16, np.float32))
    return VectorSpace(16, BackgroundStatistics(zero, none, none), 0.2)


def schema_of(folder):
    connection = sqlite3.connect(paths.store_file(folder))
    rows = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")
    schema = {*rows.fetchall(), *connection.execute("SELECT * FROM meta WHERE key = 'schema'")}
    connection.close()
    return schema


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case["question"])
def test_it_answers_as_the_version_that_wrote_it(folder, space, case):
    kb = KnowledgeBase.open(folder)
    snapshot = kb.snapshot(space)
    vector, language = np.array(case["vector"], np.float32), language_of(case["question"])
    question = space.whitening(snapshot.space_state).question(vector, language)
    found = snapshot.index.candidates(question, asked(case["question"]), 100)
    place = {chunk: n for n, chunk in enumerate(found.ids.tolist())}
    for hit in case["hits"]:
        assert found.dense[place[hit["chunk_id"]]] == pytest.approx(hit["dense"], abs=1e-4)
    best = case["hits"][0]["chunk_id"]
    assert kb.chunks([best])[best].document == case["document"]


def test_its_passages_are_found_by_the_terms_that_are_cut_now(folder, space):
    """As exactly as if the base were made anew; the old figures are of the terms of then."""
    kb = KnowledgeBase.open(folder)
    index = kb.snapshot(space).index
    chunks = [chunk for _, chunk in sorted(kb.chunks(kb.chunk_ids()).items())]
    counted = [
        term_counts(" ".join((Path(chunk.document).stem, *chunk.heading, chunk.text)))
        for chunk in chunks
    ]
    postings = lexical.build(counted)
    for case in EXPECTED:
        terms = asked(case["question"])
        parts = [lexical.LivePostings(postings, None)]
        expected = lexical.scores(parts, terms, len(chunks), float(postings.lengths.mean()))
        found = index.candidates(np.ones(16, np.float32) / 4, terms, 100)
        assert found.ids.tolist() == [chunk.id for chunk in chunks]
        assert found.lexical == pytest.approx(expected, abs=1e-4)


def test_it_becomes_what_a_new_one_is(folder, tmp_path):
    Store.open(paths.store_file(folder)).close()
    (tmp_path / "new").mkdir()
    Store.create(paths.store_file(tmp_path / "new"), {}).close()
    assert schema_of(folder) == schema_of(tmp_path / "new")
    assert ("schema", str(SCHEMA_VERSION)) in schema_of(folder)


def test_the_whitening_of_its_generation_stays_and_counts_as_fitted_then(folder):
    store = Store.open(paths.store_file(folder))
    [(count,)] = store._connection.execute("SELECT count(*) FROM chunks")
    assert store.fitted_space() == FittedSpace(1, count, count)
    assert store.load_whitening(1)["passage_matrix"].shape == (16, 16)
    store.close()


def test_the_index_made_for_it_is_kept_and_the_old_caches_go(folder, space):
    KnowledgeBase.open(folder).snapshot(space)
    assert list(paths.index_folder(folder).glob("*.faiss"))
    new = document("/notes/new.txt", "a new note")
    [chunk] = chunks_of(new)
    kb = KnowledgeBase.open(folder)
    with kb.writer() as writer:
        writer.add(new, [chunk])
        writer.publish(space)
    assert not list(folder.glob("index-*"))
    assert "new.txt" in {each.name for each in kb.documents()}
    assert max(kb.chunk_ids()) in kb.snapshot(space).index.candidates(
        np.ones(16, np.float32) / 4, asked("note"), 100
    ).ids.tolist()  # fmt: skip


def test_what_was_stored_and_not_published_is_published_by_the_next_writer(folder, space):
    connection = sqlite3.connect(paths.store_file(folder))
    connection.execute("UPDATE documents SET removed_in = 3 WHERE name = 'loans.md'")
    connection.execute("UPDATE documents SET added_in = 3 WHERE name = 'printing.txt'")
    connection.commit()
    connection.close()
    kb = KnowledgeBase.open(folder)
    before = {each.name for each in kb.documents()}
    assert "loans.md" in before
    assert "printing.txt" not in before
    with kb.writer() as writer:
        assert writer.unpublished()
        writer.publish(space)
    assert {each.name for each in kb.documents()} == before - {"loans.md"} | {"printing.txt"}
    with kb._store() as store:
        assert store.fitted_space().passages == len(kb.chunk_ids())


def test_two_that_open_it_at_once_both_get_it(folder):
    problems = []

    def open_it():
        try:
            Store.open(paths.store_file(folder)).close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_damaged_one_is_left_as_it_is(folder):
    file = paths.store_file(folder)
    content = bytearray(file.read_bytes())
    content[8 * 4096 : 9 * 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    with pytest.raises(KnowledgeBaseDamaged, match="backup"):
        Store.open(file)
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("1",)
    connection.close()


def test_the_database_as_it_was_is_kept_until_the_next_generation(folder, space):

    kept_at = spare.file_of(paths.store_file(folder))
    half = kept_at.with_name(kept_at.name + ".partial")
    half.write_bytes(b"of a process that was killed")
    Store.open(paths.store_file(folder)).close()
    kept = sqlite3.connect(spare.file_of(paths.store_file(folder)))
    assert kept.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("1",)
    kept.close()

    assert not half.exists()
    with KnowledgeBase.open(folder).writer() as writer:
        writer.publish(space)
    assert not spare.file_of(paths.store_file(folder)).exists()


def test_without_room_for_the_copy_nothing_is_changed(folder, monkeypatch):
    monkeypatch.setattr(spare.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    before = schema_of(folder)
    with pytest.raises(KnowledgeBaseError, match="volume mounted at"):
        Store.open(paths.store_file(folder))
    assert schema_of(folder) == before
