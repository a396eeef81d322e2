"""A chat model's weights, from its folder into torch: dtype, attention, quantisation, adapter."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp.errors import ModelError, RagappError, SettingsError
from ragapp.llm.families import family_of
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.adapter import apply_adapter, read_adapter
from ragapp.llm.torch.checkpoint import tensor_places
from ragapp.llm.torch.out_of_memory import is_out_of_memory
from ragapp.untyped import CausalLM

if TYPE_CHECKING:
    import torch


class Quantization(StrEnum):
    """The values of the setting ``quantization``: what the weights of layers are kept as."""

    NONE = "none"
    INT8 = "int8"
    INT4 = "int4"


def load_model(folder: Path, name: str, options: ChatOptions) -> CausalLM:
    """Load a causal language model for generation onto a device.

    name: the model's, for errors. With ``options.low_memory`` weights stay on disk, and each
    layer's are read when it runs.

    Raises:
        ModelError: the weights or the adapter cannot be used, or do not fit into memory.
        SettingsError: the values do not go together, or not with the device.
    """
    device, dtype, trusted = options.device, options.dtype, options.trusts(name)
    method = _quantization(options.quantization, device)
    if options.low_memory and (method is not Quantization.NONE or options.adapter):
        setting = "adapter" if options.adapter else "quantization"
        raise SettingsError("low_memory_with", setting=setting)
    adapter = read_adapter(Path(options.adapter).expanduser()) if options.adapter else None
    family_of(folder, name, trust_remote_code=trusted)  # or why there is none
    with _loading(folder, name):
        if options.low_memory:
            from ragapp.llm.torch.layer_streaming import load_streamed

            return load_streamed(
                folder, name=name, device=device, dtype=dtype, trust_remote_code=trusted
            )
        on_gpu = device.startswith("cuda")
        quantized_by_library = on_gpu and method is not Quantization.NONE
        how = {"dtype": dtype} if dtype is not None else {}
        if quantized_by_library:
            how |= _bitsandbytes(method, device, dtype)
        model = _read(folder, name, trust_remote_code=trusted, **how)
        if on_gpu and _flash_attention(model):
            model.set_attn_implementation("flash_attention_2")
        if adapter is not None:
            model = apply_adapter(model, adapter, name, merge=not quantized_by_library)
        if quantized_by_library:
            return model.eval()
        if method is Quantization.INT8:
            _quantize(model, name)
        return model.to(device).eval()


def _read(folder: Path, name: str, **how: object) -> CausalLM:
    """Load a checkpoint; what transformers would fill with random numbers is an error."""
    from transformers import AutoModelForCausalLM

    tensor_places(folder, name)  # names the file where one is damaged
    model, found = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **how)
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            "weights_lacking", name=name, folder=folder, count=len(missing), first=missing[0]
        )
    return model


def _quantize(model: CausalLM, name: str) -> None:
    from ragapp.llm.torch.int8_linear import quantize_layers

    if not quantize_layers(model):
        raise ModelError("int8_needs_linear_layers", name=name, kind=type(model).__name__)


@contextmanager
def _loading(folder: Path, name: str) -> Iterator[None]:
    """Turn what libraries raise while a model loads into a ``ModelError``."""
    try:
        yield
    except RagappError:
        raise
    except Exception as error:  # a checkpoint may ask for code or packages of its own
        if is_out_of_memory(error):
            raise ModelError("no_memory_to_load", name=name, reason=str(error)) from error
        reason = str(error) or type(error).__name__
        raise ModelError(
            "chat_model_unreadable", name=name, folder=folder, reason=reason
        ) from error


def _quantization(asked: str, device: str) -> Quantization:
    """Read the setting, and refuse what the device has no kernels for."""
    try:
        method = Quantization(asked)
    except ValueError as error:
        raise SettingsError(
            "unknown_quantization", quantization=asked, known=", ".join(Quantization)
        ) from error
    kind = device.partition(":")[0]
    known = {"cuda": tuple(Quantization), "cpu": (Quantization.NONE, Quantization.INT8)}
    if method not in known.get(kind, (Quantization.NONE,)):
        others = ", ".join(known.get(kind, ("none",)))
        raise SettingsError(
            "quantization_not_there", quantization=method, device=kind, known=others
        )
    return method


def _bitsandbytes(method: Quantization, device: str, dtype: torch.dtype | None) -> dict[str, Any]:
    """Return the arguments by which transformers quantises while it loads, on CUDA."""
    lacking = [p for p in ("bitsandbytes", "accelerate") if importlib.util.find_spec(p) is None]
    if lacking:
        raise ModelError(
            "quantization_not_installed",
            quantization=method,
            device=device,
            packages=", ".join(lacking),
        )
    from transformers import BitsAndBytesConfig

    if method is Quantization.INT8:
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        # NF4 in blocks, their scales quantised too: Dettmers et al. 2023, "QLoRA", section 3
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return {"quantization_config": config, "device_map": {"": device}}


def _flash_attention(model: CausalLM) -> bool:
    """Say whether a model can use the package flash-attn, and it is here; it takes half floats."""
    import torch
    from transformers.utils import is_flash_attn_2_available

    return bool(
        is_flash_attn_2_available()
        and getattr(model, "_supports_flash_attn", False)
        and model.dtype in (torch.bfloat16, torch.float16)
    )
