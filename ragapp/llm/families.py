"""Which family a chat checkpoint belongs to, read off its own files, and what follows from that.

Most of what a family needs travels with the checkpoint: its chat template and its end tokens.
Here stands what the files sometimes leave out: end tokens by name, and the published format of
the families whose tokenizers came without a template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ragapp.errors import ModelError


class Family(StrEnum):
    """The families that are known by name; everything else with a chat template is ``OTHER``."""

    LLAMA = "Llama"  # the architecture: SmolLM2, TinyLlama, Vicuna, Yi, …
    LLAMA_2_CHAT = "Llama 2 chat"
    LLAMA_3 = "Llama 3"
    CHINESE_ALPACA = "Chinese-LLaMA-Alpaca"
    CHINESE_ALPACA_2 = "Chinese-LLaMA-Alpaca-2"
    CHINESE_ALPACA_3 = "Chinese-LLaMA-Alpaca-3"
    QWEN = "Qwen"  # 1.5, 2, 2.5
    QWEN_3 = "Qwen3"  # and newer
    CHATGLM_2 = "ChatGLM2"
    CHATGLM_3 = "ChatGLM3"
    GLM_4 = "GLM-4"  # and newer
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """A published format, for checkpoints of a family that carry no chat template.

    ``marks`` are the strings that structure it; they are plain text, not control tokens.
    """

    template: str
    marks: tuple[str, ...]


TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|eot|>", "<end_of_turn>")
"""End a turn in every format that has them."""

END_TOKENS: Mapping[Family, tuple[str, ...]] = {
    Family.LLAMA: TURN_ENDS,
    Family.LLAMA_3: ("<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"),
    Family.CHINESE_ALPACA_3: ("<|eot_id|>", "<|end_of_text|>"),
    Family.QWEN: ("<|im_end|>", "<|endoftext|>"),
    Family.QWEN_3: ("<|im_end|>", "<|endoftext|>"),
    Family.GLM_4: ("<|user|>", "<|observation|>", "<|endoftext|>"),
    Family.OTHER: TURN_ENDS,
}
"""What ends an answer beside the ids that a checkpoint declares, its ``</s>`` for example; a name
that it lacks is passed over."""

# meta-llama/llama, llama/generation.py: B_INST, E_INST, B_SYS, E_SYS
LLAMA_2_FORMAT = ChatFormat(
    template=(
        "{% if messages[0].role == 'system' %}"
        "{% set system = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' %}"
        "{% set turns = messages[1:] %}"
        "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
        "{% for message in turns %}"
        "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('questions and answers must alternate') }}"
        "{% endif %}"
        "{% if message.role == 'user' %}"
        "{{ bos_token + '[INST] ' + (system if loop.first else '') + message.content.strip()"
        " + ' [/INST]' }}"
        "{% else %}{{ ' ' + message.content.strip() + ' ' + eos_token }}{% endif %}"
        "{% endfor %}"
    ),
    marks=("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
)
# ymcui/Chinese-LLaMA-Alpaca, scripts/inference: Stanford Alpaca's prompt without an input
ALPACA_FORMAT = ChatFormat(
    template=(
        "{{ bos_token + 'Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.' }}"
        "{% set rest = namespace(system='') %}"
        "{% for message in messages %}"
        "{% if message.role == 'system' %}{% set rest.system = message.content + '\\n\\n' %}"
        "{% elif message.role == 'user' %}"
        "{{ '\\n\\n### Instruction:\\n\\n' + rest.system + message.content"
        " + '\\n\\n### Response:\\n\\n' }}{% set rest.system = '' %}"
        "{% else %}{{ message.content }}{% endif %}"
        "{% endfor %}"
    ),
    marks=("### Instruction:", "### Response:"),
)
FORMATS: Mapping[Family, ChatFormat] = {
    Family.LLAMA_2_CHAT: LLAMA_2_FORMAT,
    Family.CHINESE_ALPACA: ALPACA_FORMAT,
    Family.CHINESE_ALPACA_2: LLAMA_2_FORMAT,
}

# Vocabulary sizes of the merged tokenizers, by which those checkpoints are known.
ALPACA_VOCABULARY = 49_954  # Chinese-LLaMA, the base model, has 49,953
CHINESE_LLAMA_2_VOCABULARY = 55_296  # of the base and of the chat model


def family_of(folder: Path, name: str, *, trust_remote_code: bool = False) -> Family:
    """Read a checkpoint's config and tokenizer settings and say which family it is.

    name: what the person calls the model; a hub id says more than some configs do.

    Raises:
        ModelError: there is no readable config, or no architecture of this type that writes text.
    """
    config = _read_config(folder, name)
    tokenizer = _read_json(folder / "tokenizer_config.json")
    model_type = str(config.get("model_type", ""))
    if not (trust_remote_code and "auto_map" in config):
        _check_architecture(model_type, config, name)
    if version := tokenizer.get("chatglm_version"):  # written by the conversion
        return Family.CHATGLM_3 if version == 3 else Family.CHATGLM_2
    if model_type == "llama":
        names = [name, folder.name, config.get("_name_or_path"), tokenizer.get("name_or_path")]
        return _llama(folder, config, " ".join(str(known) for known in names if known).lower())
    if re.match(r"qwen2(_moe)?$", model_type):
        return Family.QWEN
    if model_type.startswith("qwen"):
        return Family.QWEN_3
    return Family.GLM_4 if model_type.startswith("glm") else Family.OTHER


def can_think(template: str) -> bool:
    """Say whether a chat template knows of thoughts before the answer."""
    return "enable_thinking" in template or "<think>" in template


def _llama(folder: Path, config: Mapping[str, Any], names: str) -> Family:
    """Tell the families of one architecture apart by vocabulary, control tokens and names."""
    vocabulary = config.get("vocab_size")
    if "<|eot_id|>" in _added_tokens(folder):
        chinese = re.search(r"llama-?3-chinese|chinese.*(llama|alpaca)-?3", names)
        return Family.CHINESE_ALPACA_3 if chinese else Family.LLAMA_3
    if vocabulary == ALPACA_VOCABULARY:
        return Family.CHINESE_ALPACA
    if vocabulary == CHINESE_LLAMA_2_VOCABULARY and re.search(r"alpaca-?2", names):
        return Family.CHINESE_ALPACA_2
    if re.search(r"llama-?2-\d+b-chat|llama-?2-chat", names):
        return Family.LLAMA_2_CHAT
    return Family.LLAMA


def _check_architecture(model_type: str, config: Mapping[str, Any], name: str) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return
    if model_type == "chatglm":
        raise ModelError("chatglm_not_converted", name=name)
    raise ModelError(
        "architecture_with_own_code" if "auto_map" in config else "architecture_unknown",
        name=name,
        architecture=model_type,
        count=len(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
    )


def _added_tokens(folder: Path) -> set[str]:
    """Collect the tokens that the tokenizer's files add to its vocabulary."""
    declared = _read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    entries = (
        declared.values()
        if isinstance(declared, dict) and declared
        else _read_json(folder / "tokenizer.json").get("added_tokens", [])
    )
    return {str(entry.get("content")) for entry in entries if isinstance(entry, dict)}


def _read_config(folder: Path, name: str) -> dict[str, Any]:
    config = _read_json(folder / "config.json")
    if not config.get("model_type"):
        raise ModelError("no_model_type", name=name, file=folder / "config.json")
    return config


def _read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
