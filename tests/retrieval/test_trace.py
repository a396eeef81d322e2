"""A trace says of every candidate how it stood at each stage and why it was cut."""

import json

import numpy as np

from ragapp.retrieval.fuse import Fused
from ragapp.retrieval.trace import Cut, trace

from .hits import hit

FOUND = Fused(
    ids=np.array([30, 10, 20, 40]),
    scores=np.array([4, 3, 2, 1], np.float32),
    dense=np.array([0.5, 0.9, 0.1, 0.7], np.float32),
    lexical=np.array([8, 0, 9, 0], np.float32),
    dense_standing=np.array([2, 4, 0, 2], np.float32),
    lexical_standing=np.array([2, -1, 2, -1], np.float32),
)
RERANKED = [hit("Best.", [1.0], chunk_id=20, score=1.5), hit("Next.", [0.1], chunk_id=30, score=-1)]


def rows():
    noted = trace("a question", 7, FOUND, RERANKED, 1, {10})
    return {row.chunk_id: row for row in noted.candidates()}


def test_ranks_by_stage():
    assert [row.fused_rank for row in rows().values()] == [1, 2, 3, 4]
    assert {chunk: row.dense_rank for chunk, row in rows().items()} == {10: 1, 40: 2, 30: 3, 20: 4}
    assert {c: row.lexical_rank for c, row in rows().items()} == {20: 1, 30: 2, 10: 3, 40: 4}
    assert (rows()[20].reranked_rank, rows()[20].reranked) == (1, 1.5)
    assert (rows()[40].reranked_rank, rows()[40].reranked) == (None, None)


def test_what_was_cut_and_why():
    assert {chunk: row.cut for chunk, row in rows().items()} == {
        20: None, 30: Cut.COUNT, 10: Cut.DELETED, 40: Cut.DEPTH,
    }  # fmt: skip


def test_it_is_json():
    body = json.loads(json.dumps(trace("a question", 7, FOUND, RERANKED, 1, ()).to_json()))
    assert (body["query"], body["generation"], len(body["candidates"])) == ("a question", 7, 4)
    assert body["candidates"][3]["cut"] == "depth"


def test_a_search_without_candidates():
    nothing = np.zeros(0, np.float32)
    none_found = Fused(np.zeros(0, np.int64), *[nothing] * 5)
    empty = trace("q", 0, none_found, [], 5, ())
    assert list(empty.candidates()) == []
