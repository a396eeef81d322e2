"""Reordering by the best sentence, or by a cross-encoder (a tiny random one, but real)."""

import pytest
import torch
from fixtures import E5

from ragapp.errors import ModelError
from ragapp.retrieval.rerank import CrossEncoderReranker, SentenceReranker

from .hits import hit


def test_no_hits():
    assert SentenceReranker().rerank("q", []) == []


def test_a_best_sentence_lifts_its_passage():
    hits = [
        hit("Far one. Far two.", [0.1, 0.0], score=1.00, chunk_id=1),
        hit("The answer. Far two.", [0.9, 0.0], score=0.99, chunk_id=2),
        hit("Far off.", [0.1], score=-1.0, chunk_id=3),
    ]
    ranked = SentenceReranker().rerank("q", hits)
    assert [h.chunk_id for h in ranked] == [2, 1, 3]
    assert [h.score for h in ranked] == sorted((h.score for h in ranked), reverse=True)
    assert {h.sentences for h in ranked} == {h.sentences for h in hits}


def test_the_passage_counts_more_than_its_sentence():
    hits = [hit("Good.", [0.0], score=1.0, chunk_id=1), hit("Bad.", [1.0], score=-1.0, chunk_id=2)]
    assert [h.chunk_id for h in SentenceReranker().rerank("q", hits)] == [1, 2]


def test_equals_keep_their_order():
    hits = [hit("Same.", [0.5], chunk_id=i) for i in range(5)]
    assert [h.chunk_id for h in SentenceReranker().rerank("q", hits)] == list(range(5))


@pytest.fixture(scope="module")
def cross_encoder(models_dir, tmp_path_factory):
    import transformers

    folder = tmp_path_factory.mktemp("cross-encoder")
    tokenizer = transformers.AutoTokenizer.from_pretrained(models_dir / E5)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, pad_token_id=tokenizer.pad_token_id, num_labels=1,
        initializer_range=0.5,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_orders_by_its_score_of_question_and_passage(cross_encoder):
    from sentence_transformers import CrossEncoder

    texts = ["Whitening helps.", "FAISS searches.", "白化有用.", "BM25 counts terms."]
    hits = [hit(t, [0.0], chunk_id=i, heading=("A", "B")) for i, t in enumerate(texts)]
    ranked = CrossEncoderReranker.load(cross_encoder).rerank("What helps?", hits)
    model = CrossEncoder(str(cross_encoder), device="cpu")
    expected = model.predict([("What helps?", f"A\nB\n{text}") for text in texts])
    assert [h.chunk_id for h in ranked] == sorted(range(4), key=lambda i: -expected[i])
    assert sorted(h.score for h in ranked) == pytest.approx(sorted(expected.tolist()), abs=1e-5)
    assert len(set(expected.tolist())) == 4


def test_a_cross_encoder_without_hits(cross_encoder):
    assert CrossEncoderReranker.load(cross_encoder).rerank("q", []) == []


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match="reranker = 'sentences'"):
        CrossEncoderReranker.load(tmp_path)


def test_harmed_weights_are_a_model_error(cross_encoder, tmp_path):
    for file in cross_encoder.iterdir():
        (tmp_path / file.name).write_bytes(
            b"\0" * 64 if file.suffix == ".safetensors" else file.read_bytes()
        )
    with pytest.raises(ModelError):
        CrossEncoderReranker.load(tmp_path)
