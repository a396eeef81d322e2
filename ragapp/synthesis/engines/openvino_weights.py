"""Weight matrices as OpenVINO constants: int8, int4, or as they are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

INT4_GROUP = 128
"""Inputs that share a scale; the activations are quantised in groups as long (openvino_engine)."""
SMALLEST_SCALE = 1e-8


class WeightFormat(StrEnum):
    """How weight matrices are stored.

    ``int8``: one scale for each output. ``mixed``: the widest matrices (gate and up projections of
    the feed-forward layers) in int4 with a scale and zero point for each group of inputs, the rest
    in int8. ``float32``: unchanged, to compare with.
    """

    INT8 = "int8"
    MIXED = "mixed"
    FLOAT32 = "float32"


def compressed(weight: torch.Tensor, weight_format: WeightFormat, name: str) -> Any:  # noqa: ANN401
    """Return a node with a weight matrix (outputs, inputs), as float32 to those who read it."""
    weight = weight.float()
    if weight_format is WeightFormat.FLOAT32:
        return plain(weight)
    in_int4 = weight_format is WeightFormat.MIXED and name.endswith(
        ("gate_proj", "up_proj", "mlp.")
    )
    if in_int4 and weight.shape[1] % INT4_GROUP == 0:
        return _int4(weight)
    return _int8(weight)


def plain(tensor: torch.Tensor) -> Any:  # noqa: ANN401
    """Return a float32 constant."""
    from openvino import opset13 as op

    return op.constant(tensor.float().contiguous().numpy())


def _int8(weight: torch.Tensor) -> Any:  # noqa: ANN401
    """Symmetric, one scale a row."""
    import torch
    from openvino import opset13 as op

    scale = (weight.abs().amax(1, keepdim=True) / 127).clamp_min(SMALLEST_SCALE)
    levels = torch.round(weight / scale).to(torch.int8)
    levels_f16 = op.convert(op.constant(levels.numpy()), "f16")
    return op.convert(op.multiply(levels_f16, op.constant(scale.half().numpy())), "f32")


def _int4(weight: torch.Tensor) -> Any:  # noqa: ANN401
    """Asymmetric, one scale and zero point for each group of a row."""
    import openvino
    import torch
    from openvino import opset13 as op

    outputs, inputs = weight.shape
    groups = weight.reshape(outputs, inputs // INT4_GROUP, INT4_GROUP)
    lowest = groups.amin(2, keepdim=True).clamp_max(0)
    highest = groups.amax(2, keepdim=True).clamp_min(0)
    scale = ((highest - lowest) / 15).clamp_min(SMALLEST_SCALE)
    zero = torch.round(-lowest / scale)
    levels = torch.round(groups / scale + zero).clamp(0, 15)

    def nibbles(values: torch.Tensor) -> Any:  # noqa: ANN401
        flat = values.to(torch.uint8).flatten()
        flat = torch.nn.functional.pad(flat, (0, flat.numel() % 2))
        packed = (flat[0::2] | (flat[1::2] << 4)).numpy()
        tensor = openvino.Tensor(packed, openvino.Shape(values.shape), openvino.Type.u4)
        return op.convert(op.constant(tensor), "f16")

    centred = op.subtract(nibbles(levels), nibbles(zero))
    scaled = op.multiply(centred, op.constant(scale.half().numpy()))
    shape = op.constant([outputs, inputs], dtype="int64")
    return op.convert(op.reshape(scaled, shape, False), "f32")
