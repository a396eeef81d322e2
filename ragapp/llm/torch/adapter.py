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
FILES = {"config": CONFIG_FILE, "weights": WEIGHT_FILES[0]}  # for errors
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
        raise ModelError("adapter_no_folder", folder=folder, **FILES)
    if not (folder / CONFIG_FILE).is_file():
        raise ModelError("adapter_no_config", folder=folder, **FILES)
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        kind, base = config.get("peft_type"), config.get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(
            "adapter_file_unreadable", folder=folder, file=CONFIG_FILE, reason=str(error)
        ) from error
    if kind != "LORA":
        raise ModelError("adapter_no_lora", folder=folder, kind=kind, **FILES)
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
        raise ModelError("adapter_peft_not_installed", folder=folder)
    from peft import PeftModel, get_peft_model_state_dict

    rows = model.get_input_embeddings().weight.shape[0]
    if adapter.tokens > rows:  # Chinese-LLaMA-Alpaca's adapters, for example
        raise ModelError(
            "adapter_extended_vocabulary",
            folder=folder,
            base=adapter.base,
            name=name,
            tokens=adapter.tokens,
            rows=rows,
        )
    if misfits := list(_misfits(model, weights)):
        raise _other_base(adapter, name, misfits)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
        used = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    except Exception as error:  # peft raises several libraries' errors
        if is_out_of_memory(error):
            raise
        reason = str(error) or type(error).__name__
        raise ModelError("adapter_unusable", folder=folder, reason=reason) from error
    corrections = {key for key in weights if "lora_" in key}
    needed = {key for key in used if "lora_" in key}
    if corrections != needed:
        raise ModelError(
            "adapter_incomplete",
            folder=folder,
            count=len(needed - corrections),
            config=CONFIG_FILE,
            first=min(needed ^ corrections),
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
            raise ModelError(
                "adapter_file_unreadable", folder=folder, file=name, reason=str(error)
            ) from error
        if not whole:
            raise ModelError("adapter_no_numbers", folder=folder, file=name)
        if not any("lora_" in key for key in weights):
            raise ModelError("adapter_no_lora_tensors", folder=folder, file=name, **FILES)
        return dict(weights)
    raise ModelError("adapter_no_weights", folder=folder, files=", ".join(WEIGHT_FILES))


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
        raise ModelError(
            "adapter_file_unreadable", folder=folder, file=file.name, reason=str(error)
        ) from error
    return 0


@dataclass(frozen=True, slots=True)
class _Misfit:
    """A module that an adapter corrects and the model lacks, or has in another size."""

    path: str
    side: str = ""  # that differs: width, height or shape; "" where there is no such module
    theirs: object = None
    ours: object = None


def _misfits(model: CausalLM, weights: Mapping[str, torch.Tensor]) -> Iterator[_Misfit]:
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
            yield _Misfit(path)
            continue
        outputs, inputs = _sides(module)
        shape = tuple(tensor.shape)
        if part in ("A.weight", "embedding_A") and shape[1] != inputs:
            yield _Misfit(path, "width", shape[1], inputs)
        elif part in ("B.weight", "embedding_B") and shape[0] != outputs:
            yield _Misfit(path, "height", shape[0], outputs)
        elif part == "weight" and shape != tuple(module.weight.shape):
            yield _Misfit(path, "shape", shape, tuple(module.weight.shape))


def _sides(module: Layer) -> tuple[int, int]:
    """Return how many values a module gives and takes, also where its weight lies packed."""
    if hasattr(module, "num_embeddings"):
        return module.embedding_dim, module.num_embeddings
    if hasattr(module, "nf"):  # transformers' Conv1D, of GPT-2
        return module.nf, module.nx
    return getattr(module, "out_features", 0), getattr(module, "in_features", 0)


def _other_base(adapter: Adapter, name: str, misfits: list[_Misfit]) -> ModelError:
    misfit = misfits[0]
    values = {
        "folder": adapter.folder,
        "base": adapter.base,
        "name": name,
        "count": len(misfits),
        "path": misfit.path,
        "theirs": misfit.theirs,
        "ours": misfit.ours,
    }
    match misfit.side:
        case "":
            return ModelError("adapter_no_such_module", **values)
        case "width":
            return ModelError("adapter_other_width", **values)
        case "height":
            return ModelError("adapter_other_height", **values)
    return ModelError("adapter_other_shape", **values)
