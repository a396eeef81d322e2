"""The packed e5 file: its blocks, its tokenizer, and the folder it becomes."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from ragapp.errors import ModelError
from ragapp.weights.convert.packed_e5 import convert_packed_e5, dequantize_q4_0, hugging_face_name


def test_a_block_is_a_scale_and_two_weights_a_byte() -> None:
    nibbles = bytes(
        low | high << 4 for low, high in zip(range(16), reversed(range(16)), strict=True)
    )
    weights = dequantize_q4_0(np.float16(0.5).tobytes() + nibbles)
    assert weights.tolist() == [(n - 8) * 0.5 for n in [*range(16), *reversed(range(16))]]


def test_names_are_those_of_bert() -> None:
    assert hugging_face_name("emb.ln.b") == "embeddings.LayerNorm.bias"
    assert hugging_face_name("l11.ao.w") == "encoder.layer.11.attention.output.dense.weight"


@pytest.mark.parametrize("content", [b"", b"GGUF", b"E5S1" + struct.pack("<I7if", 1, *[9] * 7, 1)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e5.bin").write_bytes(content)
    with pytest.raises(ModelError, match=r"e5\.bin.*cannot be read"):
        convert_packed_e5(tmp_path / "e5.bin", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# The ids are those of XLM-R's published vocabulary: <s> 0, </s> 2, <unk> 3, "▁" 6, "。" 30.
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("query: hello", ["▁que", "ry", ":", "▁hell", "o"]),
        ("繁體中文測試。", ["▁", "繁體中文", "測試", "。"]),
        ("Ｆｕｌｌ，１００", ["▁Full", ",", "100"]),
        ("价格～１００元", ["▁", "价格", "～", "100", "元"]),  # NFKC would make "~" of it
        ("a\u200bb\x07c", ["▁a", "▁", "bc"]),
        ("line\n\n two  ", ["▁line", "▁two"]),
    ],
)
def test_texts_are_cut_as_sentencepiece_cuts_them(
    models_dir: Path, text: str, pieces: list[str]
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models_dir / "multilingual-e5-small")
    assert tokenizer.tokenize(text) == pieces
    ids = tokenizer(text)["input_ids"]
    assert (ids[0], ids[-1]) == (0, 2)
    assert 3 not in ids


def test_ids_are_those_of_the_published_vocabulary(models_dir: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models_dir / "multilingual-e5-small")
    assert tokenizer("繁體中文測試。")["input_ids"] == [0, 6, 207449, 64770, 30, 2]
    assert tokenizer.mask_token_id == 250001
    assert tokenizer.model_max_length == 512


def test_sentence_transformers_loads_it_with_its_own_pooling(models_dir: Path) -> None:
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = SentenceTransformer(str(models_dir / "multilingual-e5-small"), device="cpu")
    questions = model.encode(
        ["谁发明了电话？", "what is the capital of France?"], prompt_name="query"
    )
    passages = model.encode(
        [
            "亚历山大·贝尔于1876年获得电话专利。",
            "Paris is the capital and largest city of France.",
            "长城是古代防御工事。",
        ],
        prompt_name="passage",
    )
    assert np.linalg.norm(passages, axis=1) == pytest.approx(1, abs=1e-5)
    assert (questions @ passages.T).argmax(axis=1).tolist() == [0, 1]
    assert float(questions[1] @ passages[1]) > 0.88
    again = model.encode(["what is the capital of France?"], prompt_name="query")
    assert float(again[0] @ questions[1]) == pytest.approx(1, abs=1e-5)


def test_every_weight_finds_its_place(models_dir: Path) -> None:
    from transformers import AutoModel

    _, info = AutoModel.from_pretrained(
        models_dir / "multilingual-e5-small", add_pooling_layer=False, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
