"""GGUF files, converted once to bfloat16 safetensors so that they load in a second.

Tensors are unpacked one at a time. Transformers 5.24 reads GGUF files, too, of more architectures
(``from_pretrained(gguf_file=…)``); measured against this module, each in a process of its own:

======================  ===============================  ===============================
file                    here                             transformers
======================  ===============================  ===============================
SmolLM2-135M, Q4_1      12 s of CPU, peak 931 MiB        19 s, 922 MiB; the same tensors
Qwen2.5-0.5B, Q4_K_M    36 s of CPU, peak 2,966 MiB,     42 s, 2,949 MiB, 1,272 MB written
                        1,000 MB written                 (630 M parameters, not 494 M)
======================  ===============================  ===============================

With Q4_K_M it keeps the shared matrix twice, the coarser copy as the input embedding. It also needs
accelerate, will not save what it has read, and can neither show progress nor be stopped.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import Cancelled, ModelError
from ragapp.types import (
    CancelCheck,
    Progress,
    ProgressSink,
    Stage,
    ignore_progress,
    never_cancel,
)
from ragapp.untyped import CausalLM, Configuration, GgufReader, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

logger = logging.getLogger(__name__)

# Architectures whose tensors need nothing but new names (and, for llama, rows put back in order).
ARCHITECTURES = ("llama", "qwen2", "qwen3")

EMBEDDING = "model.embed_tokens.weight"
OUTPUT = "lm_head.weight"
# Two quantised copies of one matrix differ by their rounding, at most about 0.1 with 4 bits.
QUANTISATION_ERROR = 0.2
SAMPLE_ROWS = 2000
END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>")


def convert_gguf(
    file: Path,
    folder: Path,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
    item: str = "",
) -> None:
    """Write config, safetensors, tokenizer, chat template and generation settings to ``folder``.

    ``item`` is the name that progress shows, the file's unless given.

    Raises:
        ModelError: the file is damaged or of an architecture that is not converted.
        Cancelled: a person asked to stop; ``folder`` is then incomplete.
    """
    import torch
    from gguf import GGUFReader
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    try:
        reader = GGUFReader(file)
        architecture = reader.fields["general.architecture"].contents()
    except (ValueError, KeyError, OSError, IndexError) as error:
        raise ModelError("gguf_unreadable", file=file.name, reason=str(error)) from error
    if architecture not in ARCHITECTURES:
        raise ModelError(
            "gguf_of_another_architecture",
            file=file.name,
            architecture=architecture,
            known=", ".join(ARCHITECTURES),
        )
    try:
        config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (ValueError, KeyError, ImportError, OSError) as error:
        raise ModelError("gguf_not_convertible", file=file.name, reason=str(error)) from error
    model = _empty_model(config)
    state = _read_tensors(reader, architecture, model, item or file.name, progress, cancel)
    if _output_repeats_embedding(state):
        state[EMBEDDING] = state.pop(OUTPUT)  # the output layer's copy is the finer one
        config.tie_word_embeddings = True
    needed = set(model.state_dict()) - ({OUTPUT} if config.tie_word_embeddings else set())
    if missing := sorted(needed - set(state)):
        raise ModelError("gguf_lacks_tensors", file=file.name, names=", ".join(missing[:4]))
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = [type(model).__name__]
    config.dtype = torch.bfloat16
    config.name_or_path = ""
    config.save_pretrained(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=_terminators(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
    ).save_pretrained(folder)
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.save_pretrained(folder)


def _empty_model(config: Configuration) -> CausalLM:
    """Build the model without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)


def _read_tensors(
    reader: GgufReader,
    architecture: str,
    model: CausalLM,
    item: str,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> dict[str, Tensor]:
    """Unpack every tensor of the file under its name in ``model``."""
    import numpy as np
    import torch
    from gguf import dequantize

    names = _hugging_face_names(architecture, model)
    state: dict[str, Tensor] = {}
    for number, tensor in enumerate(reader.tensors):
        if cancel():
            raise Cancelled("pull_stopped", item=item)
        progress(Progress(Stage.CONVERTING, item, number, len(reader.tensors)))
        name = names.get(tensor.name)
        if name is None:
            logger.info("tensor %s has no place in the model and is left out", tensor.name)
            continue
        weights = dequantize(tensor.data, tensor.tensor_type)
        if architecture == "llama":
            weights = _restore_rotary_order(tensor.name, weights, model.config)
        state[name] = torch.from_numpy(np.require(weights, requirements=["C", "W"])).to(
            torch.bfloat16
        )
    return state


def _output_repeats_embedding(state: dict[str, Tensor]) -> bool:
    """Tell whether the file holds one matrix twice, quantised differently.

    Small models share the input embedding with the output layer; files with Q4_K_M keep a second,
    finer copy. Qwen2.5-Coder-0.5B: relative difference 0.043, unrelated matrices 1.4.
    """
    if OUTPUT not in state or state[OUTPUT].shape != state[EMBEDDING].shape:
        return False
    sample = slice(0, SAMPLE_ROWS)
    output = state[OUTPUT][sample].float()
    difference = (state[EMBEDDING][sample].float() - output).norm() / output.norm()
    return bool(difference < QUANTISATION_ERROR)


def _terminators(tokenizer: Tokenizer) -> list[int]:
    """Return the ids that end an answer: the declared one and the usual names of it."""
    marks = tokenizer.get_added_vocab()
    ids = [tokenizer.eos_token_id] + [marks[token] for token in END_TOKENS if token in marks]
    return list(dict.fromkeys(ids))


def _hugging_face_names(architecture: str, model: CausalLM) -> dict[str, str]:
    """Map the file's tensor names to the model's."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    kind = next(key for key, value in MODEL_ARCH_NAMES.items() if value == architecture)
    table = get_tensor_name_map(kind, model.config.num_hidden_layers)
    names = {}
    for name in model.state_dict():
        stem, _, suffix = name.rpartition(".")
        file_stem = table.get_name(stem)
        if file_stem is not None:
            names[f"{file_stem}.{suffix}"] = name
    return names


def _restore_rotary_order(
    name: str,
    weights: NDArray[np.float32],
    config: Configuration,
) -> NDArray[np.float32]:
    """Undo the row order of llama.cpp: it interleaves the two halves that RoPE rotates together."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    part = name.split(".")[2] if name.startswith("blk.") else ""
    if part not in heads:
        return weights
    rows = weights.shape[0]
    grouped = weights.reshape(heads[part], rows // heads[part] // 2, 2, *weights.shape[1:])
    return grouped.swapaxes(1, 2).reshape(weights.shape)
