"""A checkpoint's own files say which family it is, and what cannot be used is refused."""

import json

import pytest
from chatglm_checkpoint import write_checkpoint

from ragapp.errors import ModelError
from ragapp.llm.families import Family, can_think, family_of
from ragapp.weights.convert.chatglm import checkpoint_files, convert_chatglm

from .tiny_chat_model import write_tiny_chat_model

LLAMA = {"model_type": "llama", "vocab_size": 32_000}
LLAMA_3_TOKENS = ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")


@pytest.mark.parametrize(
    ("config", "family"),
    [
        (LLAMA, Family.LLAMA),
        (LLAMA | {"_name_or_path": "meta-llama/Llama-2-7b-chat-hf"}, Family.LLAMA_2_CHAT),
        (LLAMA | {"_name_or_path": "meta-llama/Llama-2-7b-hf"}, Family.LLAMA),  # the base model
        ({"model_type": "llama", "vocab_size": 49_152}, Family.LLAMA),  # SmolLM2
        ({"model_type": "llama", "vocab_size": 49_954}, Family.CHINESE_ALPACA),
        ({"model_type": "llama", "vocab_size": 49_953}, Family.LLAMA),  # Chinese-LLaMA, base
        ({"model_type": "llama", "vocab_size": 55_296}, Family.LLAMA),  # base or chat: unknown
        (
            {
                "model_type": "llama",
                "vocab_size": 55_296,
                "_name_or_path": "hfl/chinese-alpaca-2-7b",
            },
            Family.CHINESE_ALPACA_2,
        ),
        ({"model_type": "qwen2"}, Family.QWEN),
        ({"model_type": "qwen2_moe"}, Family.QWEN),
        ({"model_type": "qwen3"}, Family.QWEN_3),
        ({"model_type": "qwen3_moe"}, Family.QWEN_3),
        ({"model_type": "glm"}, Family.GLM_4),
        ({"model_type": "glm4"}, Family.GLM_4),
        ({"model_type": "glm4_moe"}, Family.GLM_4),
        ({"model_type": "mistral"}, Family.OTHER),
        ({"model_type": "gemma2"}, Family.OTHER),
    ],
)
def test_the_config_names_the_family(tmp_path, config, family):
    assert family_of(write_tiny_chat_model(tmp_path, config), "mine") is family


@pytest.mark.parametrize(
    ("name", "family"),
    [("Llama-3.2-1B-Instruct", Family.LLAMA_3),
     ("hfl/llama-3-chinese-8b-instruct", Family.CHINESE_ALPACA_3)],
)  # fmt: skip
def test_llama_3_is_known_by_its_control_tokens(tmp_path, name, family):
    folder = write_tiny_chat_model(tmp_path, LLAMA | {"vocab_size": 128_256}, LLAMA_3_TOKENS)
    assert family_of(folder, name) is family
    tokens = {str(n): {"content": token} for n, token in enumerate(LLAMA_3_TOKENS)}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": tokens}))
    (folder / "tokenizer.json").unlink()
    assert family_of(folder, name) is family


@pytest.mark.parametrize(("version", "family"), [(2, Family.CHATGLM_2), (3, Family.CHATGLM_3)])
def test_a_converted_chatglm_stays_one(tmp_path, version, family):
    write_checkpoint(tmp_path / "original", version)
    files = checkpoint_files(tmp_path / "original")
    convert_chatglm(files, tmp_path / "converted", item="original")
    assert family_of(tmp_path / "converted", "mine") is family


def test_the_real_models(models_dir):
    assert family_of(models_dir / "SmolLM2-135M-Instruct", "SmolLM2") is Family.LLAMA


def test_an_unknown_architecture_is_refused_with_what_works(tmp_path):
    folder = write_tiny_chat_model(tmp_path, {"model_type": "baichuan"})
    with pytest.raises(ModelError, match=r"'baichuan'.*Llama, Qwen, GLM") as refused:
        family_of(folder, "mine")
    assert "trust_remote_code" not in str(refused.value)


def test_code_of_its_own_is_named_as_the_other_way(tmp_path):
    own_code = {"AutoModelForCausalLM": "modeling_baichuan.BaichuanForCausalLM"}
    config = {"model_type": "baichuan", "auto_map": own_code}
    folder = write_tiny_chat_model(tmp_path, config)
    with pytest.raises(ModelError, match="trust_remote_code to 'baichuan-inc/Baichuan2-7B-Chat'"):
        family_of(folder, "baichuan-inc/Baichuan2-7B-Chat")
    trusted = family_of(folder, "baichuan-inc/Baichuan2-7B-Chat", trust_remote_code=True)
    assert trusted is Family.OTHER


@pytest.mark.parametrize("model_type", ["clip", "t5", "vit"])
def test_a_model_that_writes_no_text_by_itself_is_refused(tmp_path, model_type):
    with pytest.raises(ModelError, match=model_type):
        family_of(write_tiny_chat_model(tmp_path, {"model_type": model_type}), "mine")


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}"])
def test_a_damaged_config_is_said(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"'mine'.*config\.json"):
        family_of(tmp_path, "mine")


def test_thinking_is_read_off_the_template():
    assert can_think("{% if enable_thinking is false %}")
    assert can_think("{{ '<|im_start|>assistant\\n<think>\\n' }}")
    assert not can_think("{{ messages[0].content }}")
