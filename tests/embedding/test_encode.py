"""The encoder on real weights: e5 (BERT), SmolLM2 (Llama), and tiny GLM, Qwen2 and BERT models."""

import shutil
import threading

import numpy as np
import pytest
import torch
from fixtures import E5, SMOLLM2, e5

from ragapp.embedding.encode import Encoder, Passage
from ragapp.embedding.pool import Pooling
from ragapp.errors import Cancelled, ModelError
from ragapp.types import Span

TEXTS = [
    "Whitening removes the anisotropy of sentence vectors.",
    "短。",
    "白化可以消除句向量的各向异性，知识库很小时要用背景协方差。繁體字也一樣。",
    "A much longer passage about retrieval. " * 12,
    "FAISS",
]
DECODERS = [Pooling.FIRST_LAST_AVG, Pooling.LAST_TWO_AVG, Pooling.MEAN]


def passages(encoder, texts, **options):
    made = sorted(encoder.encode_passages([Passage(text) for text in texts], **options))
    return np.stack([encoded.vector for _, encoded in made])


def one_at_a_time(encode, texts):
    return np.concatenate([encode([text]) for text in texts])


# --- batches ---


def test_a_batch_gives_the_vectors_of_one_text_at_a_time(encoder):
    together = passages(encoder, TEXTS)
    alone = one_at_a_time(lambda texts: passages(encoder, texts), TEXTS)
    assert np.abs(together - alone).max() < 1e-5


def test_vectors_are_of_unit_length_and_in_the_order_given(encoder):
    vectors = encoder.encode_queries(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.abs(encoder.encode_queries(TEXTS[::-1])[::-1] - vectors).max() < 1e-5


def test_questions_and_passages_carry_their_own_prefix(encoder):
    assert encoder.encode_queries(["x y"])[0] @ passages(encoder, ["x y"])[0] < 0.999


def test_nothing_in_nothing_out(encoder):
    assert encoder.encode_queries([]).shape == (0, 384)
    assert list(encoder.encode_passages([])) == []
    assert encoder.count_tokens([]) == []


@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "𠮷" * 3, "！？"])
def test_odd_texts_have_finite_vectors(encoder, text):
    assert np.isfinite(encoder.encode_queries([text])).all()


def test_a_text_longer_than_the_limit_is_cut_there(encoder):
    assert encoder.max_tokens == 512
    long = "word " * 3000
    assert encoder.count_tokens([long])[0] > 512
    [batch] = encoder.hidden_batches([long])
    assert batch.mask.shape[1] == 512
    late = Passage(long, sentences=(Span(0, 100), Span(len(long) - 100, len(long))))
    [(_, encoded)] = encoder.encode_passages([late])
    assert np.linalg.norm(encoded.sentences, axis=1) == pytest.approx([1, 0], abs=1e-5)


def test_cancelling_between_batches(encoder):
    with pytest.raises(Cancelled):
        list(encoder.encode_passages([Passage("a")], cancel=lambda: True))


def test_threads_share_one_encoder(encoder):
    """Counting tokens and encoding at once, as a page that ingests while people ask."""
    long = "word " * 700  # is cut for encoding, and must not be for counting
    problems, counted = [], threading.Event()

    def count():
        while not counted.is_set():
            if encoder.count_tokens([long]) != [700]:
                problems.append("a count was cut short")

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            encoder.encode_queries([long])
    finally:
        counted.set()
        for thread in threads:
            thread.join()
    assert problems == []


# --- sentences ---


def test_a_sentence_vector_is_the_mean_over_the_tokens_of_its_span(encoder):
    text = "Whitening removes anisotropy. It needs a covariance. 白化很有用。"
    spans = (Span(0, 29), Span(30, 52), Span(53, 59))
    [(_, encoded)] = encoder.encode_passages([Passage(text, "a.md > Whitening", spans)])
    head = "passage: a.md > Whitening\n"
    [batch] = encoder.hidden_batches([head + text])
    states = (batch.hidden_states[0] + batch.hidden_states[-1])[0] / 2
    for span, vector in zip(spans, encoded.sentences, strict=True):
        start, end = span.start + len(head), span.end + len(head)
        tokens = [i for i, (a, b) in enumerate(batch.offsets[0]) if a < end and b > start and b > a]
        by_hand = states[tokens].mean(dim=0)
        assert vector @ (by_hand / by_hand.norm()).numpy() == pytest.approx(1, abs=1e-5)


def test_sentences_do_not_change_the_vector_of_their_passage(encoder):
    with_spans = Passage(TEXTS[0], sentences=(Span(0, 9), Span(10, 17)))
    [(_, encoded)] = encoder.encode_passages([with_spans])
    assert np.abs(encoded.vector - passages(encoder, TEXTS[:1])[0]).max() < 1e-5
    assert encoded.sentences.shape == (2, 384)


def test_a_sentence_of_a_batch_is_the_sentence_alone(encoder):
    inputs = [
        Passage(text, sentences=(Span(0, len(text) // 2),)) for text in TEXTS if len(text) > 4
    ]
    together = [encoded.sentences for _, encoded in sorted(encoder.encode_passages(inputs))]
    alone = [next(iter(encoder.encode_passages([each])))[1].sentences for each in inputs]
    assert np.abs(np.concatenate(together) - np.concatenate(alone)).max() < 1e-5


# --- against sentence-transformers ---


@pytest.fixture(scope="module")
def expected(models_dir):
    """What sentence-transformers itself makes of the texts."""
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(models_dir / E5), device="cpu")
    return reference.encode(["query: " + text for text in TEXTS], normalize_embeddings=True)


@pytest.mark.parametrize("pooling", [Pooling.MEAN, Pooling.NATIVE])
def test_the_model_s_own_pooling_agrees_with_sentence_transformers(models_dir, expected, pooling):
    assert np.abs(e5(models_dir, pooling).encode_queries(TEXTS) - expected).max() < 1e-4


def test_cls_is_the_first_token_of_the_last_layer(models_dir):
    encoder = e5(models_dir, Pooling.CLS)
    [batch] = encoder.hidden_batches(["query: FAISS"])
    by_hand = batch.hidden_states[-1][0, 0]
    vector = encoder.encode_queries(["FAISS"])[0]
    assert vector @ (by_hand / by_hand.norm()).numpy() == pytest.approx(1, abs=1e-5)


def test_pooler_on_a_model_without_one_says_what_to_do(models_dir):
    with pytest.raises(ModelError, match=r"weights have no pooler\. Choose another pooling"):
        Encoder.load(models_dir / E5, Pooling.POOLER)


def test_native_on_a_model_that_declares_none(models_dir):
    with pytest.raises(ModelError, match=r"no modules\.json"):
        Encoder.load(models_dir / SMOLLM2, Pooling.NATIVE)


# --- other architectures ---


@pytest.fixture(scope="session")
def smollm2_folder(models_dir):
    return models_dir / SMOLLM2


@pytest.fixture(scope="session", params=["glm", "qwen2"])
def decoder_folder(request, smollm2_folder, tmp_path_factory):
    """A random model of two layers with SmolLM2's tokenizer."""
    import transformers

    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2_folder)
    sizes = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "pad_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    if request.param == "glm":
        config = transformers.GlmConfig(head_dim=8, **sizes)
        transformers.GlmModel(config).save_pretrained(folder)
    else:
        transformers.Qwen2Model(transformers.Qwen2Config(**sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("pooling", DECODERS)
def test_glm_and_qwen2_models_encode(decoder_folder, pooling):
    encoder = Encoder.load(decoder_folder, pooling)
    assert encoder.dimension == 32
    together = encoder.encode_queries(TEXTS)
    alone = one_at_a_time(encoder.encode_queries, TEXTS)
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("pooling", [*DECODERS, Pooling.CLS])
def test_left_padding_gives_the_vectors_of_right_padding(decoder_folder, pooling):
    """These models know positions only relative to one another, so only masks can go wrong."""
    encoder = Encoder.load(decoder_folder, pooling)
    right = encoder.encode_queries(TEXTS)
    encoder._tokenizer.padding_side = "left"
    assert np.abs(encoder.encode_queries(TEXTS) - right).max() < 1e-5


@pytest.fixture(scope="module")
def llama(smollm2_folder):
    return Encoder.load(smollm2_folder, Pooling.FIRST_LAST_AVG)


@pytest.mark.parametrize("pooling", [Pooling.FIRST_LAST_AVG, Pooling.LAST_TWO_AVG])
def test_a_llama_chat_model_encodes(llama, pooling):
    encoder = Encoder(llama._model, llama._tokenizer, pooling)
    assert encoder.dimension == 576
    assert encoder.max_tokens <= 8192
    texts = TEXTS[:2]
    together = encoder.encode_queries(texts)
    alone = one_at_a_time(encoder.encode_queries, texts)
    assert np.abs(together - alone).max() < 1e-5
    spans = (Span(0, 9), Span(10, 17))
    [(_, encoded)] = encoder.encode_passages([Passage(texts[0], sentences=spans)])
    assert np.linalg.norm(encoded.sentences, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_pooler_is_the_model_s_own_head(models_dir, tmp_path):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(models_dir / E5)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = transformers.BertModel(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    encoder = Encoder.load(tmp_path, Pooling.POOLER)
    with torch.inference_mode():
        expected = model(**tokenizer("FAISS", return_tensors="pt")).pooler_output[0]
    vector = encoder.encode_queries(["FAISS"])[0]
    assert vector @ (expected / expected.norm()).numpy() == pytest.approx(1, abs=1e-5)


# --- loading ---


def test_harmed_weights_are_a_model_error(models_dir, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(models_dir / E5, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="ragapp models pull"):
        Encoder.load(folder, Pooling.MEAN)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError):
        Encoder.load(tmp_path, Pooling.MEAN)
