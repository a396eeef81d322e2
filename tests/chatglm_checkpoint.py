"""Tiny checkpoints in the original layout of ChatGLM2 and ChatGLM3, and a tokenizer for them."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file

SENTENCES = [
    "你好，请问今天天气怎么样？",
    "知识库里的文档说明了如何安装这个程序。",
    "问：人工智能是什么？答：它是计算机科学的一个分支。",
    "The quick brown fox jumps over the lazy dog.",
    "Hello, how are you today? I am fine, thank you.",
    "[Round 1] [Round 2] system user assistant observation",
    "Documents answer questions about the installation of the program.",
]
PIECES = 400
CONFIG = {
    "model_type": "chatglm",
    "architectures": ["ChatGLMModel"],
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "apply_residual_connection_post_layernorm": False,
    "attention_softmax_in_fp32": True,
    "ffn_hidden_size": 96,
    "hidden_size": 64,
    "kv_channels": 16,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 4,
    "num_layers": 2,
    "original_rope": True,
    "padded_vocab_size": 448,
    "post_layer_norm": True,
    "rmsnorm": True,
    "seq_length": 256,
    "tie_word_embeddings": False,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def train_tokenizer(folder: Path) -> Path:
    """Train a SentencePiece model as ChatGLM's is: BPE with bytes for what it has not seen."""
    from sentencepiece import SentencePieceTrainer

    SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=PIECES,
        byte_fallback=True,
        character_coverage=0.99,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.vocab").unlink()
    return folder / "tokenizer.model"


def random_weights(config: dict[str, object], seed: int = 0) -> dict[str, torch.Tensor]:
    """Return weights large enough that every part of the equations shows in the logits."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random) * 0.15

    hidden, ffn, rows = config["hidden_size"], config["ffn_hidden_size"], config["kv_channels"]
    query = config["num_attention_heads"] * rows
    packed = query + 2 * config["multi_query_group_num"] * rows
    weights = {
        "transformer.embedding.word_embeddings.weight": normal(config["padded_vocab_size"], hidden),
        "transformer.rotary_pos_emb.inv_freq": torch.ones(rows // 4),
        "transformer.encoder.final_layernorm.weight": 1 + normal(hidden),
        "transformer.output_layer.weight": normal(config["padded_vocab_size"], hidden),
    }
    for number in range(config["num_layers"]):
        layer = f"transformer.encoder.layers.{number}"
        weights |= {
            f"{layer}.input_layernorm.weight": 1 + normal(hidden),
            f"{layer}.self_attention.query_key_value.weight": normal(packed, hidden),
            f"{layer}.self_attention.query_key_value.bias": normal(packed),
            f"{layer}.self_attention.dense.weight": normal(hidden, query),
            f"{layer}.post_attention_layernorm.weight": 1 + normal(hidden),
            f"{layer}.mlp.dense_h_to_4h.weight": normal(2 * ffn, hidden),
            f"{layer}.mlp.dense_4h_to_h.weight": normal(hidden, ffn),
        }
    return weights


def write_checkpoint(
    folder: Path,
    version: int = 3,
    *,
    pickled: bool = False,
    shards: int = 2,
    **config: object,
) -> dict[str, torch.Tensor]:
    """Write config, weights in shards and tokenizer files as published; return the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = CONFIG | {"_name_or_path": f"THUDM/chatglm{version}-6b"} | config
    weights = random_weights(settings)
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    tokenizer = {
        "name_or_path": f"THUDM/chatglm{version}-6b",
        "tokenizer_class": "ChatGLMTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    if not (folder / "tokenizer.model").exists():
        train_tokenizer(folder)
    names = sorted(weights, key=lambda name: [int(n) for n in re.findall(r"\d+", name)][:1])
    for number in range(shards):
        part = {name: weights[name].contiguous() for name in names[number::shards]}
        if pickled:
            torch.save(part, folder / f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin")
        else:
            save_file(part, folder / f"model-{number + 1:05d}-of-{shards:05d}.safetensors")
    return weights
