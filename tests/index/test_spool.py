"""Chunks wait on disk, come back as they were, and leave nothing behind."""

import resource
from contextlib import closing

import numpy as np

from ragapp.index.rows import chunk_row
from ragapp.index.spool import Spool
from ragapp.index.store import Store

from .builders import all_rows, chunks_of, document

MANY = document("/d/long.txt", *(f"passage {n} of a long text 第{n}段" for n in range(500)))


def test_they_come_back_in_order_as_they_would_be_stored():
    chunks = chunks_of(MANY)
    with closing(Spool()) as spool:
        spool.add(chunks[:200])
        spool.add(chunks[200:])
        assert len(spool) == 500
        assert list(spool.rows()) == [chunk_row(one) for one in chunks]
        assert len(list(spool.rows())) == 500  # again


def test_a_document_of_spooled_chunks_is_stored_as_one_of_a_list(tmp_path):
    stored = []
    for name in ("spooled", "listed"):
        (tmp_path / name).mkdir()
        store = Store.create(tmp_path / name / "store.sqlite", {"dimension": "16"})
        with closing(Spool()) as spool, store.transaction():
            spool.add(chunks_of(MANY))
            store.add_document(MANY, spool if name == "spooled" else chunks_of(MANY), 1)
        rows = all_rows(store.index_rows(1))
        assert store.harmed_documents() == []
        stored.append((rows.ids.tolist(), rows.vectors, rows.openings))
        store.close()
    assert stored[0][0] == stored[1][0]
    assert np.array_equal(stored[0][1], stored[1][1])
    assert stored[0][2] == stored[1][2]


def test_memory_does_not_grow_with_them():
    chunks = chunks_of(MANY)
    with closing(Spool()) as spool:
        spool.add(chunks)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(60):
            spool.add(chunks)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
