"""LoRA adapters: small corrections to the weights of the one base model they were trained on."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import ModelError
from ragapp.llm.torch.out_of_memory import is_out_of_memory
from ragapp.untyped import CausalLM, Layer

if TYPE_CHECKING:
    import torch

CONFIG_FILE = "adapter_config.json"
WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")
PREFIX = "base_model.model."  # peft's, in front of the base model's own names


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA on disk; ``base``: the model that it says it was trained on, "" if it does not say.

    ``tokens``: how many the tokenizer in its folder has, 0 without one.
    """

    folder: Path
    base: str
    weights: Mapping[str, torch.Tensor]
    tokens: int


def read_adapter(folder: Path) -> Adapter:
    """Read a LoRA adapter as peft saves it; nothing in its folder is run.

    Raises:
        ModelError: the folder holds no LoRA adapter, or a damaged one.
    """
    if not folder.is_dir():
        raise _no_adapter(folder, "there is no such folder")
    if not (folder / CONFIG_FILE).is_file():
        raise _no_adapter(folder, f"{CONFIG_FILE} is missing")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        kind, base = config.get("peft_type"), config.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise _damaged(folder, f"{CONFIG_FILE} cannot be read ({error})") from error
    if kind != "LORA":
        raise _no_adapter(folder, f"its kind is {kind}, not LORA")
    return Adapter(folder, str(base or ""), _read_weights(folder), _count_tokens(folder))


def apply_adapter(model: CausalLM, adapter: Adapter, name: str, *, merge: bool = True) -> CausalLM:
    """Return a model corrected by a LoRA adapter (Hu et al. 2021, "LoRA", section 4.1).

    name: the model's, for errors. merge: add the correction to the weights, so that it costs no
    time; otherwise its matrices run beside weights that may be quantised.

    Raises:
        ModelError: peft is not installed, or the adapter does not fit this model or itself.
    """
    folder, weights = adapter.folder, adapter.weights
    if importlib.util.find_spec("peft") is None:
        raise ModelError(
            f"adapter '{folder}'",
            "the package peft is not installed",
            "Run `pip install 'ragapp[lora]'`, or leave the adapter out.",
        )
    from peft import PeftModel, get_peft_model_state_dict

    rows = model.get_input_embeddings().weight.shape[0]
    if adapter.tokens > rows:  # Chinese-LLaMA-Alpaca's adapters, for example
        raise _other_base(
            adapter,
            name,
            [
                f"its tokenizer has {adapter.tokens} tokens and the model {rows}; the vocabulary"
                " was extended, so the merged model is needed"
            ],
        )
    if misfits := list(_misfits(model, weights)):
        raise _other_base(adapter, name, misfits)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
        used = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    except Exception as error:  # peft raises several libraries' errors
        if is_out_of_memory(error):
            raise
        raise _damaged(folder, str(error) or type(error).__name__) from error
    corrections = {key for key in weights if "lora_" in key}
    needed = {key for key in used if "lora_" in key}
    if corrections != needed:
        count, which = len(needed - corrections), min(needed ^ corrections)
        raise _damaged(
            folder, f"{count} tensors are missing; {CONFIG_FILE} and weights differ in {which}"
        )
    return adapted.merge_and_unload() if merge else adapted.get_base_model()


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    import torch
    from safetensors.torch import load_file

    for name in WEIGHT_FILES:
        file = folder / name
        if not file.is_file():
            continue
        try:
            if file.suffix == ".safetensors":
                weights = load_file(file)
            else:
                weights = torch.load(file, map_location="cpu", weights_only=True)
            whole = all(tensor.isfinite().all() for tensor in weights.values())
        except Exception as error:  # the formats' libraries raise many kinds
            raise _damaged(folder, f"{name} cannot be read ({error})") from error
        if not whole:
            raise _damaged(folder, f"{name} holds values that are no numbers")
        if not any("lora_" in key for key in weights):
            raise _no_adapter(folder, f"{name} holds no LoRA tensors")
        return dict(weights)
    raise _damaged(folder, f"it holds neither {' nor '.join(WEIGHT_FILES)}")


def _count_tokens(folder: Path) -> int:
    """Count the tokens of the tokenizer that lies beside an adapter, 0 where there is none."""
    try:
        if (file := folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            return int(Tokenizer.from_file(str(file)).get_vocab_size(with_added_tokens=True))
        if (file := folder / "tokenizer.model").is_file():
            from sentencepiece import SentencePieceProcessor

            return int(SentencePieceProcessor(model_file=str(file)).vocab_size())
    except Exception as error:  # the libraries raise bare exceptions for a damaged file
        raise _damaged(folder, f"{file.name} cannot be read ({error})") from error
    return 0


def _misfits(model: CausalLM, weights: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Yield what of an adapter has no place in a model, or one of another shape.

    A correction of a matrix (outputs, inputs) is B·A with A (rank, inputs) and B (outputs, rank).
    """
    modules = dict(model.named_modules())
    for key, tensor in weights.items():
        if ".experts." in key:  # peft itself maps each expert's name onto transformers' joint ones
            continue
        path, _, part = key.removeprefix(PREFIX).partition(".lora_")
        if not part:  # a tensor that was trained as a whole
            path, _, part = path.replace(".base_layer", "").rpartition(".")
        module = modules.get(path)
        if module is None:
            yield f"it corrects {path}, which the model does not have"
            continue
        outputs, inputs = _sides(module)
        shape = tuple(tensor.shape)
        if part in ("A.weight", "embedding_A") and shape[1] != inputs:
            yield f"{path} is {shape[1]} wide in the adapter and {inputs} in the model"
        elif part in ("B.weight", "embedding_B") and shape[0] != outputs:
            yield f"{path} is {shape[0]} high in the adapter and {outputs} in the model"
        elif part == "weight" and shape != tuple(module.weight.shape):
            yield f"{path} is {shape} in the adapter and {tuple(module.weight.shape)} in the model"


def _sides(module: Layer) -> tuple[int, int]:
    """Return how many values a module gives and takes, also where its weight lies packed."""
    if hasattr(module, "num_embeddings"):
        return module.embedding_dim, module.num_embeddings
    if hasattr(module, "nf"):  # transformers' Conv1D, of GPT-2
        return module.nf, module.nx
    return getattr(module, "out_features", 0), getattr(module, "in_features", 0)


def _other_base(adapter: Adapter, name: str, misfits: list[str]) -> ModelError:
    more = f" (and {len(misfits) - 1} more such)" if len(misfits) > 1 else ""
    base = f", by its config '{adapter.base}'" if adapter.base else ""
    return ModelError(
        f"adapter '{adapter.folder}'",
        f"it does not fit '{name}': {misfits[0]}{more}",
        f"Choose the model that it was trained on{base}, or leave the adapter out.",
    )


def _no_adapter(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"adapter '{folder}'",
        why,
        f"Give a folder with {CONFIG_FILE} and {WEIGHT_FILES[0]}, as peft saves a LoRA.",
    )


def _damaged(folder: Path, why: str) -> ModelError:
    return ModelError(f"adapter '{folder}'", f"it is damaged: {why}", "Copy or fetch it again.")
