"""GGUF files become folders that load at once and answer sensibly."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from ragapp.errors import ModelError, ModelMissing
from ragapp.weights.convert.gguf import convert_gguf
from ragapp.weights.pull import pull, resolve


@pytest.fixture
def tiny_gguf(tmp_path: Path) -> Path:
    """A qwen2 model of one layer whose output matrix is the embedding again, rounded elsewise."""
    from gguf import GGUFWriter, TokenType

    width, words = 32, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdefgh", "ab", "</s>"]
    file = tmp_path / "tiny.gguf"
    writer = GGUFWriter(file, "qwen2")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    special = [TokenType.CONTROL] * 3
    writer.add_token_types([*special, *[TokenType.NORMAL] * (len(words) - 3)])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    draw = np.random.default_rng(3)
    embedding = draw.standard_normal((len(words), width)).astype(np.float32)
    shapes = {
        "blk.0.attn_q.weight": (width, width),
        "blk.0.attn_k.weight": (width // 2, width),
        "blk.0.attn_v.weight": (width // 2, width),
        "blk.0.attn_output.weight": (width, width),
        "blk.0.ffn_gate.weight": (64, width),
        "blk.0.ffn_up.weight": (64, width),
        "blk.0.ffn_down.weight": (width, 64),
        "blk.0.attn_q.bias": (width,),
        "blk.0.attn_k.bias": (width // 2,),
        "blk.0.attn_v.bias": (width // 2,),
        "blk.0.attn_norm.weight": (width,),
        "blk.0.ffn_norm.weight": (width,),
        "output_norm.weight": (width,),
    }
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", embedding * np.float32(1.01))
    for name, shape in shapes.items():
        writer.add_tensor(name, draw.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_matrix_held_twice_is_kept_once_in_its_finer_form(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    from gguf import GGUFReader
    from transformers import AutoModelForCausalLM

    convert_gguf(tiny_gguf, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    (output,) = [t for t in GGUFReader(tiny_gguf).tensors if t.name == "output.weight"]
    kept = model.lm_head.weight.float().detach().numpy()
    assert np.allclose(kept, output.data, rtol=0.01)


def test_an_answer_ends_at_marks_only(tiny_gguf: Path, tmp_path: Path) -> None:
    """ "</s>" is an ordinary word of Qwen's vocabulary: HTML has it, and must not end an answer."""
    convert_gguf(tiny_gguf, tmp_path / "out")
    settings = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert settings["eos_token_id"] == [2, 0]


def test_a_local_file_is_converted_once(tiny_gguf: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with pytest.raises(ModelMissing, match=r"ragapp models pull .*tiny\.gguf"):
        resolve(str(tiny_gguf), models)
    folder = pull(str(tiny_gguf), models)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert folder.name.startswith("tiny-")
    assert pull(str(tiny_gguf), models) == resolve(str(tiny_gguf), models) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written


@pytest.mark.parametrize("content", [b"", b"not a GGUF file at all, but long enough to look at"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.gguf.*cannot be read"):
        pull(str(tmp_path / "bad.gguf"), tmp_path / "models")
    assert not [p for p in (tmp_path / "models").iterdir() if not p.name.startswith(".")]


def test_smollm2_loads_at_once_and_answers(models_dir: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = models_dir / "SmolLM2-135M-Instruct"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    AutoModelForCausalLM.from_pretrained(folder)  # the first load also imports the model's code
    start = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert time.perf_counter() - start < 5  # from GGUF itself: 15 s
    assert not hasattr(model.config, "quantization_config")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    answer = model.generate(**prompt, max_new_tokens=30, do_sample=False)
    text = tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :])
    assert text.endswith("<|im_end|>")
    assert "Paris" in text
