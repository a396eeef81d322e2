"""ChatGLM2 and ChatGLM3 checkpoints in their original layout, converted once to transformers' GLM.

The published model ("ChatGLM: A Family of Large Language Models", arXiv:2406.12793, section 2) and
transformers' ``GlmForCausalLM`` compute the same thing: pre-norm RMSNorm blocks, multi-query
attention with a bias on query, key and value, rotary positions on pairs of neighbours in the first
half of each head, and SwiGLU. Only names differ, and query, key and value lie stacked in one
matrix. None of the checkpoint's own code is run.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp.errors import Cancelled, ModelError
from ragapp.types import (
    CancelCheck,
    Progress,
    ProgressSink,
    Stage,
    ignore_progress,
    never_cancel,
)
from ragapp.untyped import Configuration

if TYPE_CHECKING:
    from torch import Tensor

MODEL_TYPE = "chatglm"
TOKENIZER_CLASS = "ChatGLMTokenizer"
# Written at this size and forgotten: a checkpoint of 1.36 GB took 0.49 GB of memory and 3 s.
SHARD_BYTES = 500_000_000
ROPE_THETA = 10_000.0
INDEX_FILE = "model.safetensors.index.json"

# What the mapping below takes for granted, with the values that a config means by leaving them out.
STRUCTURE = {
    "multi_query_attention": (True, False),
    "add_bias_linear": (False, False),
    "rmsnorm": (True, True),
    "post_layer_norm": (True, True),
    "apply_residual_connection_post_layernorm": (False, False),
    "original_rope": (True, True),
}
RENAMED = {
    "embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "encoder.final_layernorm.weight": "model.norm.weight",
    "output_layer.weight": "lm_head.weight",
}
RENAMED_IN_LAYERS = {
    "input_layernorm.weight": "input_layernorm.weight",
    "post_attention_layernorm.weight": "post_attention_layernorm.weight",
    "self_attention.dense.weight": "self_attn.o_proj.weight",
    "mlp.dense_h_to_4h.weight": "mlp.gate_up_proj.weight",  # both pack the gate first
    "mlp.dense_4h_to_h.weight": "mlp.down_proj.weight",
}
LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)")
PACKED = re.compile(r"self_attention\.query_key_value\.(weight|bias)")
COMPUTED = "rotary_pos_emb.inv_freq"  # some checkpoints store it, and nobody reads it
ROLES = ("<|user|>", "<|assistant|>", "<|observation|>")  # ChatGLM3's, beside <|system|>
# Read as text; code in them is never run.
TELLING_FILES = (
    "tokenizer_config.json", "special_tokens_map.json", "tokenization_chatglm.py",
    "modeling_chatglm.py",
)  # fmt: skip
LEGAL_FILES = re.compile(r"(MODEL_)?LICENSE.*|NOTICE.*")
WEIGHTS = (re.compile(r".+\.safetensors"), re.compile(r"pytorch_model.*\.bin"))


def is_original_chatglm(config: Path) -> bool:
    """Tell whether a config.json belongs to a checkpoint in ChatGLM's own layout."""
    return _read_json(config).get("model_type") == MODEL_TYPE


def checkpoint_files(folder: Path) -> dict[str, Path]:
    """Return the files of a checkpoint that lies in a folder: name → place."""
    return {file.name: file for file in folder.iterdir() if file.is_file()}


def chatglm_version(files: Mapping[str, Path], item: str) -> int:
    """Read off a checkpoint's own files whether it is ChatGLM2 or ChatGLM3: 2 or 3.

    Both call themselves "chatglm". ChatGLM3 names its role tokens in its tokenizer's files, and
    ChatGLM2's modelling code spells its rounds; else the name in the files decides, or ``item``,
    what the checkpoint is called here.

    Raises:
        ModelError: it is another model of this layout, a base model, or cannot be told.
    """
    config = _read_json(files.get("config.json"))
    tokenizer = _read_json(files.get("tokenizer_config.json"))
    names = f"{config.get('_name_or_path', '')} {tokenizer.get('name_or_path', '')}".lower()
    if "max_sequence_length" in config or "inner_hidden_size" in config:
        raise ModelError("chatglm_of_the_first_generation", item=item)
    if tokenizer.get("tokenizer_class", TOKENIZER_CLASS) != TOKENIZER_CLASS:
        raise ModelError("chatglm_is_glm_4", item=item)
    if re.search(r"-base\b", names):
        raise ModelError("chatglm_is_a_base_model", item=item)
    text = "".join(
        files[name].read_text(encoding="utf-8", errors="replace")
        for name in TELLING_FILES
        if name in files
    )
    if all(role in text for role in ROLES):
        return 3
    if "[Round " in text:
        return 2
    if named := re.search(r"chatglm-?([23])", f"{names} {item}".lower()):
        return int(named[1])
    raise ModelError("chatglm_of_unknown_version", item=item)


def convert_chatglm(
    files: Mapping[str, Path],
    folder: Path,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
    item: str = "",
) -> None:
    """Write config, safetensors shards, generation settings and tokenizer to ``folder``.

    ``files``: the checkpoint's, name → place, with .safetensors or pytorch_model*.bin among them.
    ``item`` is the name that progress and errors show. Needs the memory of one shard: 0.5 GB for
    any checkpoint, beside mapped pages that the system takes back.

    Raises:
        ModelError: the checkpoint is damaged, incomplete, or not a ChatGLM2 or ChatGLM3.
        Cancelled: a person asked to stop; ``folder`` is then incomplete.
    """
    version = chatglm_version(files, item)
    source = _read_json(files.get("config.json"))
    _check_structure(item, source)
    if "tokenizer.model" not in files:
        raise ModelError("chatglm_lacks_tokenizer", item=item)
    try:
        config = _glm_config(source, version)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("chatglm_config_garbled", item=item, reason=str(error)) from error
    expected = _expected_shapes(config)
    folder.mkdir(parents=True, exist_ok=True)
    shards = _ShardWriter(folder)
    weights = _weight_files(item, files)
    for number, file in enumerate(weights):
        progress(Progress(Stage.CONVERTING, item, number, len(weights)))
        for name, tensor in _read_tensors(item, file, files[file]):
            if cancel():
                raise Cancelled("pull_stopped", item=item)
            for new_name, part in _renamed(item, name, tensor, config):
                if expected.pop(new_name, None) != tuple(part.shape):
                    raise _misshapen(item, name, tensor)
                shards.add(new_name, part)
                config.dtype = part.dtype  # one for all, in what was published
    if expected:
        names = ", ".join(sorted(expected)[:4])
        raise ModelError("chatglm_lacks_tensors", item=item, names=names)
    shards.finish()
    config.save_pretrained(folder)
    _write_generation_config(folder, config)
    _write_tokenizer(files, folder, version, config.max_position_embeddings)


def _check_structure(item: str, source: Mapping[str, Any]) -> None:
    if source.get("quantization_bit"):
        raise ModelError("chatglm_is_quantised", item=item, bits=source["quantization_bit"])
    if source.get("pre_seq_len"):
        raise ModelError("chatglm_is_a_prefix", item=item)
    for key, (wanted, left_out) in STRUCTURE.items():
        value = source.get(key, left_out)
        if value != wanted:
            raise ModelError("chatglm_of_another_structure", item=item, key=key, value=value)


def _glm_config(source: Mapping[str, Any], version: int) -> Configuration:
    """Translate the values of a ChatGLM config; the names on the right are the original ones."""
    from transformers import GlmConfig

    ratio = float(source.get("rope_ratio") or 1.0)
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": ROPE_THETA}
    if version == 2 and ratio != 1.0:  # ChatGLM2-32k divides positions, ChatGLM3 slows the base
        rope |= {"rope_type": "linear", "factor": ratio}
    else:
        rope["rope_theta"] = ROPE_THETA * ratio
    end = source.get("eos_token_id", 2)
    return GlmConfig(
        architectures=["GlmForCausalLM"],
        vocab_size=source["padded_vocab_size"],
        hidden_size=source["hidden_size"],
        intermediate_size=source["ffn_hidden_size"],
        num_hidden_layers=source["num_layers"],
        num_attention_heads=source["num_attention_heads"],
        num_key_value_heads=source["multi_query_group_num"],
        head_dim=source["kv_channels"],
        attention_bias=bool(source.get("add_qkv_bias", False)),
        rms_norm_eps=source["layernorm_epsilon"],
        max_position_embeddings=source["seq_length"],
        rope_parameters={**rope, "partial_rotary_factor": 0.5},
        tie_word_embeddings=bool(source.get("tie_word_embeddings", False)),
        pad_token_id=source.get("pad_token_id") or 0,
        eos_token_id=end if isinstance(end, list) else [end],
    )


def _expected_shapes(config: Configuration) -> dict[str, tuple[int, ...]]:
    import torch
    from transformers import GlmForCausalLM

    with torch.device("meta"):
        state = GlmForCausalLM(config).state_dict()
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name not in tied}


def _weight_files(item: str, files: Mapping[str, Path]) -> list[str]:
    for pattern in WEIGHTS:
        if found := sorted(name for name in files if pattern.fullmatch(name)):
            return found
    raise ModelError("chatglm_lacks_weights", item=item)


def _read_tensors(item: str, name: str, place: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a file; their bytes are read from the disk when they are used."""
    import torch
    from safetensors import safe_open

    try:
        if name.endswith(".safetensors"):
            with safe_open(place, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 - not a mapping
                    yield key, tensors.get_tensor(key)
        else:
            # weights_only: tensors and plain containers, and nothing in the file is run
            yield from torch.load(place, map_location="cpu", weights_only=True, mmap=True).items()
    except Exception as error:  # the readers of both formats raise types of their own
        raise ModelError(
            "chatglm_weights_unreadable", item=item, file=name, reason=str(error)
        ) from error


def _renamed(
    item: str,
    name: str,
    tensor: Tensor,
    config: Configuration,
) -> Iterator[tuple[str, Tensor]]:
    """Yield what a tensor of the original is called in GLM; three parts for the packed one."""
    name = name.removeprefix("transformer.")
    if name == COMPUTED or (name == "output_layer.weight" and config.tie_word_embeddings):
        return
    layer = LAYER.fullmatch(name)
    packed = PACKED.fullmatch(layer[2]) if layer else None
    if layer and packed:
        query = config.num_attention_heads * config.head_dim
        key = config.num_key_value_heads * config.head_dim
        if tensor.shape[0] != query + 2 * key:
            raise _misshapen(item, name, tensor)
        starts = {"q": (0, query), "k": (query, query + key), "v": (query + key, query + 2 * key)}
        for part, (start, end) in starts.items():
            name = f"model.layers.{layer[1]}.self_attn.{part}_proj.{packed[1]}"
            yield name, tensor[start:end]
    elif layer and layer[2] in RENAMED_IN_LAYERS:
        yield f"model.layers.{layer[1]}.{RENAMED_IN_LAYERS[layer[2]]}", tensor
    elif name in RENAMED:
        yield RENAMED[name], tensor
    else:
        raise ModelError("chatglm_has_a_foreign_tensor", item=item, tensor=name)


class _ShardWriter:
    """Collects tensors and writes them out whenever ``SHARD_BYTES`` have come together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, Tensor] = {}
        self._shards: list[list[str]] = []
        self._bytes = 0
        self._total = 0

    def add(self, name: str, tensor: Tensor) -> None:
        """Keep a copy: parts of one matrix share memory, which safetensors refuses."""
        self._held[name] = tensor.clone().contiguous()
        self._bytes += tensor.nbytes
        if self._bytes >= SHARD_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write what is left, give the shards their usual names, and list them in the index."""
        if self._held:
            self._flush()
        count = len(self._shards)
        weight_map: dict[str, str] = {}
        for number, names in enumerate(self._shards, start=1):
            file = f"model-{number:05d}-of-{count:05d}.safetensors"
            self._unnamed(number).rename(self._folder / file)
            weight_map |= dict.fromkeys(names, file)
        index = {"metadata": {"total_size": self._total}, "weight_map": weight_map}
        (self._folder / INDEX_FILE).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")

    def _flush(self) -> None:
        from safetensors.torch import save_file

        self._shards.append(list(self._held))
        save_file(self._held, self._unnamed(len(self._shards)), metadata={"format": "pt"})
        self._total += self._bytes
        self._held, self._bytes = {}, 0

    def _unnamed(self, number: int) -> Path:
        return self._folder / f"model-{number:05d}.safetensors"


def _write_generation_config(folder: Path, config: Configuration) -> None:
    from transformers import GenerationConfig

    GenerationConfig(
        eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    ).save_pretrained(folder)


def _write_tokenizer(
    files: Mapping[str, Path], folder: Path, version: int, context_tokens: int
) -> None:
    """Keep the SentencePiece file as it is, and note which chat format goes with it."""
    note = {
        "tokenizer_class": TOKENIZER_CLASS,
        "chatglm_version": version,
        "model_max_length": context_tokens,
    }
    text = json.dumps(note, indent=1) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    for name, place in files.items():
        if name == "tokenizer.model" or LEGAL_FILES.fullmatch(name):
            shutil.copyfile(place, folder / name)


def _read_json(file: Path | None) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _misshapen(item: str, name: str, tensor: Tensor) -> ModelError:
    shape = tuple(tensor.shape)
    return ModelError("chatglm_tensor_misshapen", item=item, tensor=name, shape=shape)
