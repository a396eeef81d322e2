"""Loading a model into torch: what is asked for is what comes, and what is broken is named."""

import importlib.util
import json
import logging
import subprocess
import sys

import peft
import pytest
import torch
from tiny_model import tiny_llama
from torch.nn.functional import cosine_similarity

from ragapp.errors import ModelError, SettingsError
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.engine import TorchEngine
from ragapp.llm.torch.model import load_model

from ..tiny_chat_model import write_tiny_chat_model

IDS = torch.tensor([[1, 5, 9, 200, 33]])
WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path):
    tiny_llama().save_pretrained(tmp_path)
    return tmp_path


def load(folder, **how):
    return load_model(folder, "tiny", ChatOptions(**how))


def logits(model, ids=IDS):
    with torch.inference_mode():
        return model(ids).logits


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_weights_have_the_dtype_that_is_asked_for(folder, dtype):
    model = load(folder, dtype=dtype)
    assert {tensor.dtype for tensor in model.parameters()} == {dtype}
    assert not model.training
    assert model.device.type == "cpu"
    assert model.config._attn_implementation == "sdpa"


def test_without_a_dtype_the_checkpoints_own_is_kept(tmp_path):
    tiny_llama().bfloat16().save_pretrained(tmp_path)
    assert load(tmp_path).dtype == torch.bfloat16


# --- what is broken ---


def edit_config(folder, **changes):
    file = folder / "config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def test_an_unknown_architecture_is_named_with_the_way_to_allow_its_code(folder):
    edit_config(folder, model_type="novel", auto_map={"AutoModelForCausalLM": "novel.Novel"})
    with pytest.raises(ModelError, match="'novel'") as raised:
        load(folder)
    assert "trust_remote_code" in raised.value.fix
    assert "'tiny'" in raised.value.fix


def test_a_config_without_a_model_type(folder):
    edit_config(folder, model_type=None)
    with pytest.raises(ModelError, match="model_type"):
        load(folder)


@pytest.mark.parametrize("kept", [0, 7, 100, 20_000])
@pytest.mark.parametrize("low_memory", [False, True])
def test_a_file_cut_short_is_named(folder, kept, low_memory):
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:kept])
    with pytest.raises(ModelError, match=r"model\.safetensors") as raised:
        load(folder, low_memory=low_memory)
    assert "ragapp models pull tiny" in raised.value.fix


@pytest.mark.parametrize("header", [b"{", b"[]", b'{"a": 1}', b'{"a": {"dtype": "F32"}}'])
def test_a_damaged_header(folder, header):
    (folder / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load(folder)


def test_a_shard_that_is_missing_is_named(tmp_path):
    tiny_llama().save_pretrained(tmp_path, max_shard_size="100KB")
    lost = sorted(tmp_path.glob("*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(ModelError, match=f"{lost.name}.*missing"):
        load(tmp_path)


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": []}'])
def test_a_damaged_index(tmp_path, index):
    tiny_llama().save_pretrained(tmp_path, max_shard_size="100KB")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelError, match=r"index\.json"):
        load(tmp_path)


def test_weights_that_are_lacking_are_not_made_up(folder):
    edit_config(folder, num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"lacks \d+ of its weights.*model\.layers\.2"):
        load(folder)


def test_a_folder_without_weights(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import torch, transformers
from transformers import LlamaForCausalLM
from ragapp.errors import ModelError
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.model import load_model

used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000,) * 2)
try:
    load_model(Path(sys.argv[1]), "SmolLM2", ChatOptions(dtype=torch.float32))
except ModelError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_too_little_memory_is_said_with_what_helps(models_dir):
    folder = models_dir / "SmolLM2-135M-Instruct"
    said = subprocess.check_output([sys.executable, "-c", LITTLE_MEMORY, str(folder)], text=True)
    assert "memory ran out" in said
    assert "low_memory" in said


# --- quantisation ---


def test_int8_answers_as_the_model_in_bfloat16_does(models_dir):
    """Mean cosine of the logits above 0.99: SmolLM2, the most sensitive at hand, has 0.997."""
    from fixtures import smollm2

    folder = models_dir / "SmolLM2-135M-Instruct"
    ids = torch.tensor([smollm2(models_dir).tokenizer.encode("The capital of France is")])
    exact = load(folder, dtype=torch.bfloat16)
    int8 = load(folder, dtype=torch.bfloat16, quantization="int8")
    similarity = cosine_similarity(logits(int8, ids).float(), logits(exact, ids).float(), dim=-1)
    assert similarity.mean() > 0.99
    with torch.inference_mode():
        answers = [m.generate(ids, max_new_tokens=3, do_sample=False) for m in (int8, exact)]
    assert torch.equal(*answers)


def test_int8_halves_the_layers(models_dir):
    folder = models_dir / "SmolLM2-135M-Instruct"

    def layer_bytes(**how):
        return sum(
            tensor.nbytes
            for tensor in load(folder, dtype=torch.bfloat16, **how)
            .model.layers.state_dict()
            .values()
        )

    assert layer_bytes(quantization="int8") < 0.51 * layer_bytes()


@pytest.mark.parametrize(
    ("quantization", "device"), [("int4", "cpu"), ("int8", "mps"), ("int3", "cpu")]
)
def test_what_there_are_no_kernels_for_is_refused_by_name(folder, quantization, device):
    with pytest.raises(SettingsError, match=f"quantization '{quantization}'"):
        load(folder, quantization=quantization, device=device)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes"), reason="bitsandbytes is here")
@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_on_cuda_it_says_what_to_install(folder, quantization):
    with pytest.raises(ModelError, match=r"pip install 'ragapp\[quantization\]'"):
        load(folder, quantization=quantization, device="cuda")


# --- adapters, memory, remote code ---


@pytest.fixture
def adapter(tmp_path):
    config = peft.LoraConfig(
        r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    adapted = peft.get_peft_model(tiny_llama(), config).eval()
    adapted.save_pretrained(tmp_path / "lora")
    return adapted, tmp_path / "lora"


def test_an_adapter_is_part_of_the_model(folder, adapter):
    adapted, place = adapter
    torch.testing.assert_close(
        logits(load(folder, adapter=str(place))), logits(adapted), rtol=1e-4, atol=1e-4
    )


def test_an_adapter_is_quantised_with_the_model(folder, adapter):
    adapted, place = adapter
    model = load(folder, adapter=str(place), quantization="int8")
    assert model.model.layers[0].self_attn.q_proj.weight.dtype == torch.int8
    assert cosine_similarity(logits(model), logits(adapted), dim=-1).min() > 0.99


def test_an_adapter_for_another_base_is_refused(adapter, tmp_path):
    other = tmp_path / "other"
    tiny = tiny_llama()
    type(tiny)(type(tiny.config)(**tiny.config.to_dict() | {"hidden_size": 32})).save_pretrained(
        other
    )
    with pytest.raises(ModelError, match="does not fit 'tiny'"):
        load(other, adapter=str(adapter[1]))


@pytest.mark.parametrize("how", [{"adapter": "some-lora"}, {"quantization": "int8"}])
def test_low_memory_goes_with_nothing_that_changes_weights(folder, how):
    with pytest.raises(SettingsError, match="low_memory with"):
        load(folder, low_memory=True, **how)


def test_low_memory_says_what_the_model_says(folder):
    assert torch.equal(logits(load(folder, low_memory=True)), logits(load(folder)))


OWN_CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own"

class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


def test_a_models_own_code_runs_only_when_allowed_and_is_told_once(folder, caplog):
    (folder / "own.py").write_text(OWN_CODE)
    own = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    edit_config(folder, model_type="own", auto_map=own)
    config = json.loads((folder / "config.json").read_text())
    write_tiny_chat_model(folder, config, template="{{ messages[0]['content'] }}")
    with pytest.raises(ModelError, match="trust_remote_code"):
        TorchEngine.load(folder, "tiny", ChatOptions())
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING, logger="ragapp"):
        TorchEngine.load(folder, "tiny", ChatOptions(trust_remote_code="tiny"))
    assert caplog.text.count("code of its own") == 1
    assert type(load(folder, trust_remote_code="tiny")).__name__ == "OwnModel"
