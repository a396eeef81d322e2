"""The packed e5 file, converted once to the Hugging Face and sentence-transformers layout.

The file holds a ``BertModel`` without pooler, most matrices in 4-bit blocks (Q4_0), and an XLM-R
unigram vocabulary. Little-endian throughout: header, vocabulary, character map, tensor directory,
tensors.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.errors import ModelError
from ragapp.untyped import Normalizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"E5S1"
BLOCK_WEIGHTS = 32
BLOCK_BYTES = 2 + BLOCK_WEIGHTS // 2  # a float16 scale, then two weights a byte

CONTROL_CHARACTERS = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x{8f}\x{9f}]"
INVISIBLE_MARKS = r"[\x{200b}-\x{200f}\x{2028}\x{2029}\x{1680}\x{2581}\x{feff}\x{fffd}]"
FULL_WIDTH_TILDE = "\uff5e"  # a piece of its own, common in Chinese; NFKC would turn it into "~"
TILDE_PLACEHOLDER = "\ue000"  # private use: no text has it, and NFKC leaves it alone

SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}

EMBEDDING_NAMES = {
    "word": "word_embeddings.weight",
    "pos": "position_embeddings.weight",
    "type": "token_type_embeddings.weight",
    "ln.w": "LayerNorm.weight",
    "ln.b": "LayerNorm.bias",
}
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class PackedE5:
    """The file's content. ``tensors``: name in the file → flat float32 array."""

    hidden_size: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_eps: float
    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    tensors: dict[str, NDArray[np.float32]]


class _Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self.data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def take_bytes(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise ValueError("the file ends early")
        return self.data[start : self.at]


def convert_packed_e5(file: Path, folder: Path) -> None:
    """Write config, safetensors, tokenizer and sentence-transformers files into ``folder``.

    Raises:
        ModelError: the file is not of this format.
    """
    try:
        packed = read_packed_e5(file.read_bytes())
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise ModelError("packed_model_unreadable", file=file.name, reason=str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    _write_model(packed, folder)
    _write_tokenizer(packed, folder)
    _write_sentence_transformers_layout(packed, folder)


def read_packed_e5(data: bytes) -> PackedE5:
    """Parse the bytes of a packed file.

    Raises:
        ValueError, struct.error: the bytes are not of this format.
    """
    cursor = _Cursor(data)
    if cursor.take_bytes(4) != MAGIC:
        raise ValueError("it does not begin with E5S1")
    cursor.take("I")  # version
    hidden, layers, heads, feed_forward, vocabulary, positions, token_types = cursor.take("7i")
    (layer_norm_eps,) = cursor.take("f")
    (block,) = cursor.take("i")
    if block != BLOCK_WEIGHTS:
        raise ValueError(f"blocks of {block} weights, expected {BLOCK_WEIGHTS}")
    piece_count, bos, eos, pad, unk = cursor.take("5i")
    (blob_bytes,) = cursor.take("Q")
    offsets = cursor.take(f"{piece_count + 1}I")
    scores = cursor.take(f"{piece_count}f")
    blob = cursor.take_bytes(blob_bytes)
    pieces = [
        (blob[offsets[i] : offsets[i + 1]].decode("utf-8"), score) for i, score in enumerate(scores)
    ]
    _, map_bytes = cursor.take("iI")
    cursor.take_bytes(map_bytes)  # the character map, which _normalizer() writes as rules
    (tensor_count,) = cursor.take("i")
    tensors = dict(_read_tensor(cursor) for _ in range(tensor_count))
    return PackedE5(
        hidden_size=hidden,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        positions=positions,
        token_types=token_types,
        layer_norm_eps=layer_norm_eps,
        pieces=pieces,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
        tensors=tensors,
    )


def dequantize_q4_0(raw: bytes) -> NDArray[np.float32]:
    """Unpack Q4_0 blocks: weight j is (low nibble of byte j - 8)·d, weight j+16 the high one."""
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, BLOCK_BYTES)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    weights: NDArray[np.float32] = ((nibbles.astype(np.float32) - 8) * scale).reshape(-1)
    return weights


def _read_tensor(cursor: _Cursor) -> tuple[str, NDArray[np.float32]]:
    (name_bytes,) = cursor.take("H")
    name = cursor.take_bytes(name_bytes).decode("ascii")
    _, count, offset, byte_count = cursor.take("BIQQ")
    raw = cursor.data[offset : offset + byte_count]
    if len(raw) != byte_count:
        raise ValueError(f"the file ends inside tensor {name}")
    if byte_count == 4 * count:
        return name, np.frombuffer(raw, "<f4").astype(np.float32)
    weights = dequantize_q4_0(raw)
    if len(weights) != count:
        raise ValueError(f"tensor {name} holds {len(weights)} weights, expected {count}")
    return name, weights


def _write_model(packed: PackedE5, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=packed.vocabulary,
        hidden_size=packed.hidden_size,
        num_hidden_layers=packed.layers,
        num_attention_heads=packed.heads,
        intermediate_size=packed.feed_forward,
        max_position_embeddings=packed.positions,
        type_vocab_size=packed.token_types,
        layer_norm_eps=packed.layer_norm_eps,
        pad_token_id=packed.pad,
        bos_token_id=packed.bos,
        eos_token_id=packed.eos,
    )
    with torch.device("meta"):
        parts = BertModel(config, add_pooling_layer=False).state_dict()
    shapes = {name: part.shape for name, part in parts.items()}
    state = {
        hugging_face_name(name): torch.from_numpy(weights)
        for name, weights in packed.tensors.items()
    }
    if state.keys() != shapes.keys():
        raise ValueError(f"tensors that do not fit: {sorted(state.keys() ^ shapes.keys())[:4]}")
    state = {name: weights.view(shapes[name]) for name, weights in state.items()}
    config.architectures = ["BertModel"]
    config.dtype = torch.float32
    config.save_pretrained(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def hugging_face_name(name: str) -> str:
    """Translate a name of the packed file to that of ``BertModel``."""
    owner, _, part = name.partition(".")
    if owner == "emb":
        return f"embeddings.{EMBEDDING_NAMES[part]}"
    part, _, kind = part.partition(".")
    suffix = {"w": "weight", "b": "bias"}[kind]
    return f"encoder.layer.{int(owner[1:])}.{LAYER_NAMES[part]}.{suffix}"


def _write_tokenizer(packed: PackedE5, folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=packed.unk, byte_fallback=False))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", packed.bos), ("</s>", packed.eos)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=packed.positions, **SPECIAL_TOKENS
    ).save_pretrained(folder)


def _normalizer() -> Normalizer:
    """Write SentencePiece's nmt_nfkc rules, which are the file's character map.

    The 4,837 entries of the map are NFKC but for three kinds, compared entry by entry: control
    characters vanish, invisible marks turn into spaces, and the full-width tilde stays as it is.
    """
    from tokenizers import Regex, normalizers

    return normalizers.Sequence(
        [
            normalizers.Replace(Regex(CONTROL_CHARACTERS), ""),
            normalizers.Replace(Regex(INVISIBLE_MARKS), " "),
            normalizers.Replace(FULL_WIDTH_TILDE, TILDE_PLACEHOLDER),
            normalizers.NFKC(),
            normalizers.Replace(TILDE_PLACEHOLDER, FULL_WIDTH_TILDE),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )


def _write_sentence_transformers_layout(packed: PackedE5, folder: Path) -> None:
    """Declare mean pooling, unit length and the two prompts for ``SentenceTransformer``."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    files = {
        "modules.json": [
            {
                "idx": number,
                "name": str(number),
                "path": path,
                "type": f"sentence_transformers.models.{module}",
            }
            for number, (path, module) in enumerate(modules)
        ],
        "sentence_bert_config.json": {
            "max_seq_length": packed.positions,
            "do_lower_case": False,
            "model_kwargs": {"add_pooling_layer": False},
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": packed.hidden_size,
            "pooling_mode_mean_tokens": True,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
