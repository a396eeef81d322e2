"""The graph computes what transformers computes, for each architecture it can draw."""

import numpy as np
import openvino
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Glm4Config,
    GlmConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from ragapp.llm.openvino.graph import WeightFormat, build_graph, unsupported

SIZES = {
    "vocab_size": 97,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES),
    "llama, tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama 3": LlamaConfig(**SIZES, rope_parameters=LLAMA3),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES),
    "glm": GlmConfig(**SIZES, attention_bias=True),
    "glm4": Glm4Config(**SIZES),
}
IDS = torch.tensor([[3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]])


def random_model(config):
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(("bias", "norm.weight", "layernorm.weight")):  # not the ones and zeros
            torch.nn.init.normal_(parameter, 0.5, 0.5)
    return model


def logits_of(model, weight_format, *pieces):
    """Feed pieces of a prompt one after the other; return the logits of the last one."""
    state = model.state_dict()
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    graph = build_graph(model.config, state.__getitem__, list(state), weight_format)
    precise = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    request = openvino.Core().compile_model(graph, "CPU", precise).create_infer_request()
    seen = 0
    for piece in pieces:
        new = piece.shape[1]
        request.infer(
            {
                "input_ids": piece.numpy(),
                "attention_mask": np.ones((1, seen + new), dtype=np.int64),
                "position_ids": np.arange(seen, seen + new)[None],
                "beam_idx": np.zeros(1, dtype=np.int32),
            }
        )
        seen += new
    return torch.from_numpy(request.get_output_tensor(0).data.copy())


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_transformers(name):
    model = random_model(CONFIGS[name])
    assert unsupported(model.config, name) is None
    with torch.inference_mode():
        expected = model(IDS).logits
    whole = logits_of(model, WeightFormat.FLOAT32, IDS)
    torch.testing.assert_close(whole, expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["llama", "glm"])
def test_the_cache_continues_where_the_last_piece_ended(name):
    model = random_model(CONFIGS[name])
    with torch.inference_mode():
        expected = model(IDS).logits[:, 7:]
    pieced = logits_of(model, WeightFormat.FLOAT32, IDS[:, :4], IDS[:, 4:7], IDS[:, 7:])
    torch.testing.assert_close(pieced, expected, atol=2e-4, rtol=1e-3)


def test_int8_weights_say_nearly_the_same():
    model = random_model(CONFIGS["qwen2"])
    with torch.inference_mode():
        expected = model(IDS).logits
    compressed = logits_of(model, WeightFormat.INT8, IDS)
    likeness = torch.cosine_similarity(compressed, expected, dim=-1)
    assert likeness.min() > 0.999
    assert not torch.equal(compressed, expected)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (MistralConfig(**SIZES, sliding_window=8), "sliding"),
        (LlamaConfig(**SIZES, rope_parameters=LLAMA3 | {"rope_type": "dynamic"}), "dynamic"),
        (Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8), "sliding"),
    ],
)
def test_what_cannot_be_drawn_is_named(config, named):
    assert named in unsupported(config, "tiny").why
