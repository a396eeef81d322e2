"""LoRA adapters made by peft: what fits is merged, what does not is refused and says why."""

import json
import shutil
import sys

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_model import byte_tokenizer, tiny_llama

from ragapp.errors import ModelError
from ragapp.llm.torch.adapter import apply_adapter, read_adapter

EVERY_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
IDS = torch.tensor([[1, 5, 9, 200, 33]])


def train(model, **config):
    """A LoRA adapter on a model, with random weights in the place of trained ones."""
    config = {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]} | config
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **config))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, values in adapted.named_parameters():
            if "lora_" in name and "magnitude" not in name:
                values.normal_(std=0.2)
    return adapted.eval()


def save(adapted, folder, **how):
    adapted.save_pretrained(folder, **how)
    return folder


def logits(model):
    with torch.inference_mode():
        return model(IDS).logits


@pytest.fixture
def folder(tmp_path):
    return save(train(tiny_llama()), tmp_path / "lora")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"target_modules": EVERY_LINEAR, "use_rslora": True},
        {"use_dora": True},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"modules_to_save": ["lm_head"]},
        {"rank_pattern": {"v_proj": 2}},
    ],
    ids=["lora", "every linear", "dora", "embedding", "output layer", "ranks"],
)
@pytest.mark.parametrize("safetensors", [True, False], ids=["safetensors", "bin"])
def test_the_merged_model_says_what_pefts_own_says(tmp_path, config, safetensors):
    trained = train(tiny_llama(), **config)
    if "modules_to_save" in config:
        with torch.no_grad():
            trained.base_model.model.lm_head.modules_to_save["default"].weight.mul_(-1)
    folder = save(trained, tmp_path / "lora", safe_serialization=safetensors)
    plain = tiny_llama()
    merged = apply_adapter(tiny_llama(), read_adapter(folder), "tiny")
    assert type(merged) is type(plain)
    assert set(merged.state_dict()) == set(plain.state_dict())
    torch.testing.assert_close(logits(merged), logits(trained), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(merged), logits(plain), atol=0.1)


def test_without_merging_it_computes_beside_the_weights(folder):
    beside = apply_adapter(tiny_llama(), read_adapter(folder), "tiny", merge=False)
    torch.testing.assert_close(logits(beside), logits(train(tiny_llama())))
    before = tiny_llama().state_dict()["model.layers.0.self_attn.q_proj.weight"]
    assert torch.equal(beside.model.layers[0].self_attn.q_proj.base_layer.weight, before)


# --- adapters for another base ---


def wider():
    model = tiny_llama()
    return type(model)(type(model.config)(**{**model.config.to_dict(), "hidden_size": 128}))


def deeper():
    model = tiny_llama()
    return type(model)(type(model.config)(**{**model.config.to_dict(), "num_hidden_layers": 3}))


def test_one_for_a_wider_base_says_which_module_and_both_widths(tmp_path):
    folder = save(train(wider()), tmp_path / "lora")
    with pytest.raises(ModelError, match=r"q_proj is 128 wide in the adapter and 64 in the model"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_one_for_a_deeper_base_says_which_module_is_lacking(tmp_path):
    folder = save(train(deeper()), tmp_path / "lora")
    with pytest.raises(ModelError, match=r"model\.layers\.2\S+, which the model does not have"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_one_for_another_architecture(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    gpt = GPT2LMHeadModel(GPT2Config(vocab_size=257, n_embd=64, n_layer=2, n_head=4))
    folder = save(train(gpt, target_modules=["c_attn"], fan_in_fan_out=True), tmp_path / "lora")
    with pytest.raises(ModelError, match="c_attn"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_the_base_that_it_names_is_a_hint(tmp_path):
    adapted = train(wider())
    adapted.peft_config["default"].base_model_name_or_path = "someone/wide-7b"
    with pytest.raises(ModelError, match="'tiny'") as raised:
        apply_adapter(tiny_llama(), read_adapter(save(adapted, tmp_path / "lora")), "tiny")
    assert "someone/wide-7b" in raised.value.fix


def test_an_embedding_of_another_vocabulary_is_refused_by_its_size(tmp_path):
    """Chinese-LLaMA-Alpaca's adapters bring the embedding of an extended vocabulary."""
    extended = tiny_llama(vocabulary=300)
    adapted = train(extended, modules_to_save=["embed_tokens", "lm_head"])
    folder = save(adapted, tmp_path / "lora")
    with pytest.raises(ModelError, match=r"\(300, 64\) in the adapter and \(257, 64\)"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


# --- what is no LoRA adapter ---


def test_a_missing_folder(tmp_path):
    with pytest.raises(ModelError, match="no such folder"):
        read_adapter(tmp_path / "lora")


def test_a_folder_that_is_no_adapter(tmp_path):
    with pytest.raises(ModelError, match=r"adapter_config\.json is missing"):
        read_adapter(tmp_path)


def test_another_kind_of_adapter(tmp_path):
    adapted = peft.get_peft_model(tiny_llama(), peft.IA3Config(task_type="CAUSAL_LM"))
    with pytest.raises(ModelError, match="IA3"):
        read_adapter(save(adapted, tmp_path / "ia3"))


def test_a_config_that_cannot_be_read(folder):
    for content in ("{", "[]", "{}", '"LORA"'):
        (folder / "adapter_config.json").write_text(content)
        with pytest.raises(ModelError, match=r"adapter_config\.json"):
            read_adapter(folder)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
@pytest.mark.parametrize("kept", [0, 20, 1000])
def test_weights_cut_short(tmp_path, name, kept):
    adapted = train(tiny_llama())
    folder = save(adapted, tmp_path / "lora", safe_serialization=name.endswith("safetensors"))
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:kept])
    with pytest.raises(ModelError, match=f"damaged.*{name}"):
        read_adapter(folder)


def test_no_weights_at_all(folder):
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors"):
        read_adapter(folder)


def rewrite(folder, change):
    file = folder / "adapter_model.safetensors"
    tensors = {key: tensor.clone() for key, tensor in load_file(file).items()}
    change(tensors)
    save_file(tensors, file)


def test_weights_that_are_no_lora(folder):
    def rename(tensors):
        for key in list(tensors):
            tensors[key.replace("lora_", "other_")] = tensors.pop(key)

    rewrite(folder, rename)
    with pytest.raises(ModelError, match="no LoRA tensors"):
        read_adapter(folder)


def test_a_tensor_that_is_lacking_is_not_made_up(folder):
    rewrite(folder, lambda tensors: tensors.pop(sorted(tensors)[0]))
    with pytest.raises(ModelError, match="1 tensors are missing"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_weights_that_are_no_numbers(folder):
    rewrite(folder, lambda tensors: tensors[sorted(tensors)[0]].fill_(float("nan")))
    with pytest.raises(ModelError, match=r"damaged.*no numbers"):
        read_adapter(folder)


def test_ranks_that_contradict_the_config(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": 8}))
    with pytest.raises(ModelError, match="damaged"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_without_peft_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r"pip install 'ragapp\[lora\]'"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_a_copy_of_the_folder_needs_nothing_but_config_and_weights(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(folder / name, copy)
    apply_adapter(tiny_llama(), read_adapter(copy), "tiny")


def test_one_for_a_model_whose_layers_are_convolutions(tmp_path):
    """GPT-2's linear layers are transformers' Conv1D, whose matrices lie the other way round."""
    from transformers import GPT2Config, GPT2LMHeadModel

    def gpt():
        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(vocab_size=257, n_embd=64, n_layer=2, n_head=4)).eval()

    trained = train(gpt(), target_modules=["c_attn"], fan_in_fan_out=True)
    merged = apply_adapter(gpt(), read_adapter(save(trained, tmp_path / "lora")), "gpt")
    torch.testing.assert_close(logits(merged), logits(trained), rtol=1e-4, atol=1e-4)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder):
    tokenizer = byte_tokenizer()._tokenizer
    tokenizer.save_pretrained(folder)
    apply_adapter(tiny_llama(), read_adapter(folder), "tiny")  # as many as the model has
    tokenizer.add_tokens(["中文", "向量"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match=r"259 tokens.*257"):
        apply_adapter(tiny_llama(), read_adapter(folder), "tiny")


def test_a_damaged_tokenizer_beside_it(folder):
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        read_adapter(folder)
