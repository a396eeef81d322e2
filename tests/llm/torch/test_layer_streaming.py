"""Layers streamed from disk: the same numbers as from memory, in a part of the memory."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_model import tiny_llama
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    Glm4Config,
    GlmConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from ragapp.errors import ModelError
from ragapp.llm.torch.layer_streaming import load_streamed

PROMPT = torch.randint(0, 257, (2, 40), generator=torch.Generator().manual_seed(0))
SIZES = {
    "vocab_size": 257, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "initializer_range": 0.3, "bos_token_id": None,
    "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip


def save(folder, config, dtype=torch.float32, **how):
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(folder, **how)
    return folder


def both(folder, dtype=None):
    ordinary = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype or "auto").eval()
    return load_streamed(folder, name="tiny", device="cpu", dtype=dtype), ordinary


def assert_same(streamed, ordinary, prompt=PROMPT):
    mask = torch.ones_like(prompt)
    with torch.inference_mode():
        assert torch.equal(streamed(prompt).logits, ordinary(prompt).logits)
        answers = [
            model.generate(
                prompt,
                attention_mask=mask,
                past_key_values=DynamicCache(config=model.config),
                max_new_tokens=12,
                do_sample=False,
                pad_token_id=0,
            )
            for model in (streamed, ordinary)
        ]
    assert torch.equal(*answers)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize(
    "kind", [LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, GlmConfig, Glm4Config]
)
def test_it_says_what_the_model_in_memory_says(tmp_path, kind, tied, layers):
    config = kind(**SIZES, num_hidden_layers=layers, tie_word_embeddings=tied)
    assert_same(*both(save(tmp_path, config)))


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("asked", [torch.bfloat16, torch.float32, None])
def test_weights_are_converted_as_they_are_read(tmp_path, stored, asked):
    config = LlamaConfig(**SIZES, num_hidden_layers=2)
    streamed, ordinary = both(save(tmp_path, config, stored), asked)
    assert streamed.dtype == (asked or stored)
    assert_same(streamed, ordinary)


def test_several_beams_and_a_long_prompt(tmp_path):
    config = Qwen3Config(**SIZES, num_hidden_layers=3, tie_word_embeddings=True)
    prompt = torch.randint(0, 257, (1, 1500), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(prompt)
    mask[0, :700] = 0  # left padding
    with torch.inference_mode():
        answers = [
            model.generate(
                prompt,
                attention_mask=mask,
                max_new_tokens=12,
                num_beams=3,
                do_sample=False,
                pad_token_id=0,
            )
            for model in both(save(tmp_path, config))
        ]
    assert torch.equal(*answers)


def test_the_dtype_is_that_of_the_file_where_config_names_none(tmp_path):
    save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1), torch.bfloat16)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["dtype"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    streamed, ordinary = both(tmp_path)
    assert streamed.dtype == ordinary.dtype == torch.bfloat16


def test_tensors_may_lie_in_several_files(tmp_path):
    config = LlamaConfig(**SIZES, num_hidden_layers=2)
    save(tmp_path, config, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert_same(*both(tmp_path))


def test_a_pass_that_was_broken_off_does_not_spoil_the_next(tmp_path):
    config = LlamaConfig(**SIZES, num_hidden_layers=4)
    streamed, ordinary = both(save(tmp_path, config))

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    hook = streamed.model.layers[1].register_forward_hook(stop)
    with pytest.raises(Stop), torch.inference_mode():
        streamed(PROMPT)
    hook.remove()
    assert_same(streamed, ordinary)


def test_defaults_of_generation_come_along(tmp_path):
    save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1))
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [7, 9]}')
    assert both(tmp_path)[0].generation_config.eos_token_id == [7, 9]


def test_a_model_built_otherwise_is_refused(tmp_path):
    save(tmp_path, GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2))
    with pytest.raises(ModelError, match=r"low_memory.*GPT2LMHeadModel"):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def test_a_layer_that_is_not_in_the_files_is_named(tmp_path):
    save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    with pytest.raises(ModelError, match=r"model\.layers\.1\."):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def test_files_of_other_shapes_are_refused(tmp_path):
    save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    with pytest.raises(ModelError, match=r"gate_proj.*\(96, 64\), not \(128, 64\)"):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def test_weights_in_another_format_are_refused(tmp_path):
    model = tiny_llama()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def cut_short(file):
    with file.open("r+b") as stream:
        stream.truncate(20_000)


def test_a_file_cut_short_is_named(tmp_path):
    save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=4))
    cut_short(tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors .* bytes"):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def test_a_file_cut_short_while_the_model_runs_ends_the_pass_and_is_named(tmp_path):
    streamed, _ = both(save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=4)))
    cut_short(tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors .*cut short"), torch.inference_mode():
        streamed(PROMPT)


@pytest.mark.parametrize("key", ["model.layers.0.mlp.up_proj.weight", "lm_head.weight"])
def test_weights_of_eight_bits_are_refused(tmp_path, key):
    file = save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1)) / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {key: tensors[key].to(torch.int8)}, file)
    with pytest.raises(ModelError, match=rf"model\.safetensors stores {key} as I8"):
        load_streamed(tmp_path, name="tiny", device="cpu", dtype=None)


def test_tensors_that_the_model_does_not_read_may_be_of_any_kind(tmp_path):
    file = save(tmp_path, LlamaConfig(**SIZES, num_hidden_layers=1)) / "model.safetensors"
    save_file(load_file(file) | {"positions": torch.arange(9)}, file)
    streamed, ordinary = both(tmp_path)
    assert_same(streamed, ordinary)


MEASURE = """
import sys
import torch
from pathlib import Path
from transformers import LlamaForCausalLM  # before the count begins
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.model import load_model

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

Path("/proc/self/clear_refs").write_text("5")
before = peak()
options = ChatOptions(low_memory=True, dtype=torch.bfloat16)
model = load_model(Path(sys.argv[1]), "SmolLM2", options)
with torch.inference_mode():
    answer = model.generate(torch.arange(1000, 1200)[None], max_new_tokens=8, do_sample=False)
print(peak() - before, *answer[0, 200:].tolist())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_smollm2_answers_the_same_in_two_fifths_of_its_size(models_dir):
    folder = models_dir / "SmolLM2-135M-Instruct"
    lines = subprocess.check_output([sys.executable, "-c", MEASURE, str(folder)], text=True)
    peak, *answer = map(int, lines.split())
    assert peak < 0.4 * (folder / "model.safetensors").stat().st_size
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    with torch.inference_mode():
        ids = model.generate(torch.arange(1000, 1200)[None], max_new_tokens=8, do_sample=False)
    assert ids[0, 200:].tolist() == answer
