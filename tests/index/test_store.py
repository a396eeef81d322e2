"""The database alone: what goes in comes out, whole or not at all."""

import sqlite3

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.errors import KnowledgeBaseDamaged
from ragapp.index import reading
from ragapp.index.store import FittedSpace, NewChunk, Store
from ragapp.types import Chunk, Page, Span

from .builders import DIMENSION, RECIPE, all_rows, chunks_of, document, vector_of


@pytest.fixture
def file(tmp_path):
    Store.create(tmp_path / "store.sqlite", RECIPE.to_meta()).close()
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(file):
    opened = Store.open(file)
    yield opened
    opened.close()


def add(store, of, chunks, generation=1):
    with store.transaction():
        return store.add_document(of, chunks, generation)


def test_a_new_store_is_at_generation_zero_and_empty(store):
    assert store.generation() == 0
    assert store.documents() == []
    assert all_rows(store.index_rows(0)).vectors.shape == (0, DIMENSION)


def test_a_chunk_comes_back_as_it_was(store):
    pages = (Page(1, 0, 6), Page(2, 6, 20))
    of = document("/d/报告.pdf", "第一句。第二句", "第三句。", pages=pages)
    chunk = Chunk(of.text[:7], 0, 7, 1, ("第一章", "Introduction"), (Span(0, 4), Span(4, 7)))
    vectors = np.stack([vector_of("第一句"), vector_of("第二句")])
    add(store, of, [NewChunk(chunk, "报告 > 第一章", vector_of("第一句"), vectors)])
    rows = all_rows(store.index_rows(1))
    stored = store.chunks(rows.ids.tolist())[int(rows.ids[0])]
    assert (stored.document, stored.path) == ("报告.pdf", "/d/报告.pdf")
    assert (stored.text, stored.start, stored.end) == (chunk.text, 0, 7)
    assert (stored.page, stored.heading, stored.sentences) == (1, chunk.heading, chunk.sentences)
    assert stored.sentence_pages == (1, 1)
    assert rows.vectors[0].tolist() == vector_of("第一句").tolist()
    cosines = (unit(stored.sentence_vectors) * vectors).sum(axis=1)
    assert cosines == pytest.approx([1, 1], abs=1e-4)
    assert store.document_text(stored.document_id) == of.text


def test_a_sentence_is_on_the_page_it_starts_on(store):
    pages = (Page(1, 0, 5), Page(2, 5, 5), Page(3, 5, 11))
    of = document("/d/a.pdf", "aaaa bbbbbb", pages=pages)
    chunk = Chunk(of.text, 0, 11, 1, (), (Span(0, 4), Span(5, 11)))
    add(store, of, [NewChunk(chunk, "", vector_of("a"), np.stack([vector_of("a")] * 2))])
    [stored] = store.chunks(all_rows(store.index_rows(1)).ids.tolist()).values()
    assert stored.sentence_pages == (1, 3)  # page 2 holds no text


def test_a_chunk_without_sentences_or_words_is_kept(store):
    of = document("/d/a.txt", "***")
    nothing = np.zeros((0, DIMENSION), np.float32)
    add(store, of, [NewChunk(Chunk("***", 0, 3, None, (), ()), "", vector_of("x"), nothing)])
    [stored] = store.chunks(all_rows(store.index_rows(1)).ids.tolist()).values()
    assert len(stored.sentence_vectors) == 0
    assert [len(v) for _, v in store.sentence_vectors(1, 10)] == [0]


def test_title_and_headings_are_searched_with_the_text(store):
    of = document("/d/a.txt", "some text")
    [new] = chunks_of(of)
    add(store, of, [NewChunk(new.chunk, "Handbook > Holidays", new.vector, new.sentence_vectors)])
    [terms] = all_rows(store.index_rows(1)).terms
    assert len(terms.hashes) == 4  # handbook, holiday, some, text


def test_a_transaction_that_fails_leaves_nothing(store):
    of = document("/d/a.txt", "one", "two")

    def add_and_fail():
        with store.transaction():
            store.add_document(of, chunks_of(of), 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert store.next_documents() == []
    assert len(all_rows(store.index_rows(1)).ids) == 0


def test_ids_are_never_used_again(store):
    of = document("/d/a.txt", "one", "two")
    first = add(store, of, chunks_of(of), 1)
    chunk_ids = all_rows(store.index_rows(1)).ids.tolist()
    with store.transaction():
        store.remove_document(first, 2)
        store.purge(2)
    assert store.chunks(chunk_ids) == {}
    second = add(store, of, chunks_of(of), 3)
    assert second > first
    assert min(all_rows(store.index_rows(3)).ids) > max(chunk_ids)


def test_the_sample_of_sentences_is_spread_and_bounded(store):
    of = document("/d/a.txt", *(f"line {i}" for i in range(100)))
    add(store, of, chunks_of(of))
    assert len(list(store.sentence_vectors(1, 1000))) == 100
    sample = [opening for opening, _ in store.sentence_vectors(1, 10)]
    assert 5 <= len(sample) <= 20
    assert int(sample[-1].split()[1]) > 80


def test_whitening_arrays_come_back(store):
    arrays = {"matrix": np.arange(6, dtype=np.float32).reshape(2, 3), "mean": np.ones((1, 3), "f")}
    store.save_whitening(2, {"old": np.zeros((1, 1), "f")})
    store.save_whitening(3, arrays)
    loaded = store.load_whitening(3)
    assert {k: v.tolist() for k, v in loaded.items()} == {k: v.tolist() for k, v in arrays.items()}
    assert store.load_whitening(2) == {}


def test_what_was_committed_is_synced(file):
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    store = Store.open(file)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    store.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE meta SET value = '99' WHERE key = 'schema'", "in format 99"),
        ("DELETE FROM meta WHERE key = 'schema'", "does not say in which format"),
    ],
)
def test_a_format_unknown_here_is_told_with_what_to_do(file, change, says):
    connection = sqlite3.connect(file)
    connection.execute(change)
    connection.commit()
    connection.close()
    with pytest.raises(KnowledgeBaseDamaged, match=rf"{says}.*Use the version of ragapp"):
        Store.open(file)


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all " * 100, b"SQLite format 3\0junk"]
)
def test_a_file_that_is_no_store_of_ours(tmp_path, content):
    file = tmp_path / "store.sqlite"
    file.write_bytes(content)
    with pytest.raises(KnowledgeBaseDamaged, match="backup"):
        Store.open(file)


def test_another_program_s_database_is_refused(tmp_path):
    file = tmp_path / "store.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE songs (title)")
    connection.close()
    with pytest.raises(KnowledgeBaseDamaged):
        Store.open(file)


# --- what a generation costs ---


ONE_ROW = {"SCAN fitted_space", "SCAN meta", "SCAN CONSTANT ROW"}


def plan_of(store, run):
    """Return SQLite's plans of the statements that ``run`` executes."""
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    run()
    store._connection.set_trace_callback(None)
    chosen = [s for s in statements if s.startswith(("SELECT", "DELETE FROM documents"))]
    assert chosen
    return [
        str(row[3])
        for statement in chosen
        for row in store._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


@pytest.mark.parametrize(
    "run",
    [
        lambda store: all_rows(store.added_rows(3)),
        lambda store: store.removed_ids(3),
        lambda store: store.passages_with(3),
        lambda store: store.has_changes_for(3),
        lambda store: store.purge(3),
        lambda store: store.find_documents(path="/d/a.txt", sha256="0", name="a.txt"),
        lambda store: store.chunks([1, 2]),
    ],
    ids=["added", "removed", "count", "changes", "purge", "find", "chunks"],
)
def test_what_belongs_to_a_generation_is_found_without_reading_the_rest(store, run):
    for step in plan_of(store, lambda: run(store)):
        assert not step.startswith("SCAN") or step in ONE_ROW


def test_what_a_generation_adds_and_removes(store):
    first, gone = document("/d/a.txt", "one", "two"), document("/d/b.txt", "three")
    add(store, first, chunks_of(first), 1)
    gone_id = add(store, gone, chunks_of(gone), 1)
    with store.transaction():
        store.publish(1, FittedSpace(1, 3, store.passages_with(1)))
    new, never = document("/d/c.txt", "four", "five", "six"), document("/d/d.txt", "seven")
    new_id = add(store, new, chunks_of(new), 2)
    never_id = add(store, never, chunks_of(never), 2)
    with store.transaction():
        store.remove_document(gone_id, 2)
        store.remove_document(never_id, 2)
    assert store.fitted_space().passages == 3
    assert all_rows(store.added_rows(2)).documents.tolist() == [new_id] * 3
    assert store.removed_ids(2).tolist() == [3]
    assert store.passages_with(2) == 5
    every = all_rows(store.index_rows(2))
    assert every.ids.tolist() == [1, 2, 4, 5, 6]
    assert store.chunk_ids() == [1, 2, 3]


@pytest.mark.parametrize("harm", [np.nan, np.inf, 1e30, b"short"])
def test_a_damaged_vector_is_named_and_does_not_spoil_the_others(store, harm):
    of = document("/d/a.txt", "one", "two")
    add(store, of, chunks_of(of))
    vector = vector_of("one")
    vector[3] = 0 if isinstance(harm, bytes) else harm
    data = harm if isinstance(harm, bytes) else vector.tobytes()
    store._connection.execute("UPDATE chunks SET vector = ? WHERE id = 1", (data,))
    with pytest.raises(KnowledgeBaseDamaged, match=r"'a.txt'.*vector.*damaged"):
        all_rows(store.index_rows(1))
    with pytest.raises(KnowledgeBaseDamaged, match=r"'a.txt'"):
        all_rows(store.added_rows(1))


def test_what_is_deleted_is_overwritten(store, file):
    of = document("/d/a.txt", "a secret of seven words and more")
    first = add(store, of, chunks_of(of))
    with store.transaction():
        store.remove_document(first, 2)
        store.purge(2)
    store.close()
    assert b"seven words" not in file.read_bytes()


def test_room_of_removed_documents_is_given_back(store, file):
    of = document("/d/a.txt", *(f"passage {n} of many" for n in range(2000)))
    first = add(store, of, chunks_of(of))
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    full = file.stat().st_size
    with store.transaction():
        store.remove_document(first, 2)
        store.purge(2)
    store.give_back()
    assert file.stat().st_size < full / 4


def test_rows_come_in_blocks_and_a_sample_is_spread_out(store, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 4)
    for number in range(3):
        of = document(f"/d/{number}.txt", *(f"{number} {n}" for n in range(5)))
        add(store, of, chunks_of(of))
    blocks = list(store.index_rows(1))
    assert [len(block.ids) for block in blocks] == [4, 4, 4, 3]
    assert [i for block in blocks for i in block.ids.tolist()] == list(range(1, 16))
    vectors, openings = store.passage_sample(1, 5)
    assert openings == ["0 2", "1 0", "1 3", "2 1", "2 4"]
    assert vectors.shape == (5, DIMENSION)
    assert len(store.passage_sample(1, 100)[1]) == 15
