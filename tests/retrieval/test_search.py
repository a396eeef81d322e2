"""Search over real documents with the real encoder."""

import json
from collections import Counter

import numpy as np
import pytest
from fixtures import INDEXED, SAMPLE_DOCS, library

from ragapp.embedding.space import VectorSpace
from ragapp.index.store import Store
from ragapp.ingest import ingest
from ragapp.library import Library
from ragapp.paths import store_file
from ragapp.people import LOCAL
from ragapp.retrieval.query import make_query
from ragapp.retrieval.rerank import RERANK_DEPTH
from ragapp.retrieval.search import search
from ragapp.settings import Settings
from ragapp.text.language import language_of

# Question → file, and words of the passage that answers it.
QUESTIONS = {
    "白化的指数取多少检索效果最好？": ("句向量与白化.pdf", "0.1 到 0.25"),
    "问题和文章要不要减去同一个平均向量？": ("句向量与白化.pdf", "各用各的均值"),
    "只有几十段的小知识库为什么不能直接估计协方差？": ("句向量与白化.pdf", "30 个段落"),
    "Qwen2.5 不写系统消息会怎样？": ("大模型对话格式.md", "自动插入"),
    "ChatGLM2 的轮次编号从几开始？": ("大模型对话格式.md", "轮次从 1 开始"),
    "用简体字提问，怎样才能找到繁体的资料？": ("繁體中文檢索.txt", "轉成簡體"),
    "Why does the padding in a batch change my sentence embedding?": (
        "sentence-vectors-and-pooling.md", "padding"),
    "All my E5 similarity scores are above 0.7. Is something broken?": (
        "sentence-vectors-and-pooling.md", "E5"),
    "Can I delete vectors from an HNSW graph?": ("faiss-indexes.txt", "cannot delete"),
    "How much memory does a product-quantised index of a million vectors need?": (
        "faiss-indexes.txt", "product"),
}  # fmt: skip


def found(question, samples, k=5, space=None):
    query = make_query(question, [], samples.encoder)
    return search(query, samples.kb, space or samples.space, samples.reranker, k).hits


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_passage_that_answers_is_among_the_first_five(samples, question):
    file, words = QUESTIONS[question]
    hits = found(question, samples, k=5)
    assert any(hit.document == file and words in " ".join(hit.text.split()) for hit in hits)


def test_a_hit_points_into_its_document(samples):
    documents = {d.path: d for d in samples.kb.documents()}
    for hit in found("白化的指数取多少？", samples, k=10):
        assert hit.document_id == documents[hit.path].id
        text = samples.kb.document_text(hit.document_id)
        assert text[hit.start : hit.end] == hit.text
        assert hit.sentences
        for sentence in hit.sentences:
            assert text[sentence.start : sentence.end] == sentence.text
            assert -1.5 < sentence.score < 2
        assert (hit.page is not None) == hit.path.endswith(".pdf")


def test_hits_are_ordered_and_there_are_k(samples):
    hits = found("whitening", samples, k=4)
    assert len(hits) == 4
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert len({h.chunk_id for h in hits}) == 4


def test_more_wanted_than_there_are(samples):
    total = sum(document.chunks for document in samples.kb.documents())
    assert len(found("whitening 白化", samples, k=1000)) == total


def test_a_first_hit_does_not_depend_on_how_many_are_wanted(samples):
    few, many = found("BERT 白化", samples, k=1), found("BERT 白化", samples, k=10)
    assert few[0].chunk_id == many[0].chunk_id


def test_an_empty_knowledge_base_answers_with_nothing(models_dir, samples, tmp_path):
    empty = library(models_dir, samples.kb.folder.parents[1]).open_or_create("empty", LOCAL)
    assert found("anything at all", empty) == []


def test_only_some_documents_are_searched(samples):
    chosen = {
        d.id for d in samples.kb.documents() if d.name in ("大模型对话格式.md", "繁體中文檢索.txt")
    }
    query = make_query("白化的指数取多少检索效果最好？", [], samples.encoder)
    found = search(query, samples.kb, samples.space, samples.reranker, 1000, chosen)
    assert {hit.document_id for hit in found.hits} == chosen
    chunks = {d.id: d.chunks for d in samples.kb.documents()}
    assert len(found.hits) == sum(chunks[each] for each in chosen)


def test_a_trace_says_what_became_of_every_candidate(samples):
    query = make_query("白化的指数取多少？", [], samples.encoder)
    found = search(query, samples.kb, samples.space, samples.reranker, 3)
    rows = json.loads(json.dumps(found.trace.to_json()))["candidates"]
    assert len(rows) == sum(document.chunks for document in samples.kb.documents())
    kept = sorted((row for row in rows if row["cut"] is None), key=lambda row: row["reranked_rank"])
    assert [row["chunk_id"] for row in kept] == [hit.chunk_id for hit in found.hits]
    for row, hit in zip(kept, found.hits, strict=True):
        assert (row["dense"], row["lexical"]) == (hit.dense, hit.lexical)
        assert row["reranked"] == hit.score
    cuts = Counter(row["cut"] for row in rows)
    assert cuts == {None: 3, "count": RERANK_DEPTH - 3, "depth": len(rows) - RERANK_DEPTH}
    for scores, rank in (("dense", "dense_rank"), ("lexical", "lexical_rank"),
                         ("fused", "fused_rank")):  # fmt: skip
        ordered = sorted(rows, key=lambda row: row[rank])
        assert [row[rank] for row in ordered] == list(range(1, len(rows) + 1))
        assert [r[scores] for r in ordered] == sorted((r[scores] for r in rows), reverse=True)


def test_chunks_deleted_since_the_index_was_opened_make_room_for_others(samples, monkeypatch):
    query = make_query("白化", [], samples.encoder)
    before = search(query, samples.kb, samples.space, samples.reranker, 30)
    gone = {hit.chunk_id for hit in before.hits[:10]}
    read = samples.kb.chunks
    monkeypatch.setattr(
        samples.kb,
        "chunks",
        lambda ids, generation=None: {k: v for k, v in read(ids).items() if k not in gone},
    )
    after = search(query, samples.kb, samples.space, samples.reranker, 20)
    assert len(after.hits) == 20
    assert not gone & {hit.chunk_id for hit in after.hits}
    assert {r.chunk_id for r in after.trace.candidates() if r.cut == "deleted"} == gone


def test_simplified_finds_traditional_and_the_other_way_round(samples):
    for question in ("繁体中文检索", "繁體中文檢索"):
        assert found(question, samples)[0].document == "繁體中文檢索.txt"


def ranks_of_answers(samples, space, ids, vectors, openings):
    """Rank by the dense side alone, in a space fitted on these chunks."""
    state = space.fit(vectors, openings, [])
    mapped, whitening = space.apply(state, vectors, openings), space.whitening(state)
    chunks = samples.kb.chunks(ids)
    for question, (file, words) in QUESTIONS.items():
        query = make_query(question, [], samples.encoder)
        scores = mapped @ whitening.question(query.vector, language_of(question))
        order = [chunks[ids[i]] for i in np.argsort(-scores)]
        yield 1 + next(
            place
            for place, chunk in enumerate(order)
            if chunk.document == file and words in " ".join(chunk.text.split())
        )


@pytest.fixture(scope="module")
def exact_samples(models_dir, tmp_path_factory):
    """The samples encoded in float32: ten questions must not hang on a processor's bfloat16."""
    settings = Settings(home=tmp_path_factory.mktemp("exact"), models=models_dir)
    into = Library(settings.having(dtype="float32")).create("samples", LOCAL)
    ingest([SAMPLE_DOCS / name for name in INDEXED], into)
    return into


def test_a_knowledge_base_of_some_thirty_chunks_is_no_worse_whitened_than_raw(exact_samples):
    samples = exact_samples
    store = Store.open(store_file(samples.kb.folder))
    [rows] = store.index_rows(store.generation())
    store.close()
    raw = VectorSpace(samples.space.dimension, None, 0.2)
    mrr = {}
    for name, space in (("raw", raw), ("whitened", samples.space)):
        ranks = list(
            ranks_of_answers(samples, space, rows.ids.tolist(), rows.vectors, rows.openings)
        )
        mrr[name] = sum(1 / rank for rank in ranks) / len(ranks)
    assert 20 <= len(rows.ids) <= 80
    assert mrr["whitened"] >= mrr["raw"]
