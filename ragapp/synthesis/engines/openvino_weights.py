"""Weight matrices as OpenVINO constants: in int8, or as they are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SMALLEST_SCALE = 1e-8


class WeightFormat(StrEnum):
    """How weight matrices are stored; ``float32`` is there to compare with."""

    INT8 = "int8"
    FLOAT32 = "float32"


def compressed(weight: torch.Tensor, weight_format: WeightFormat) -> Any:  # noqa: ANN401
    """Return a node with a weight matrix (outputs, inputs), as float32 to those who read it."""
    return plain(weight) if weight_format is WeightFormat.FLOAT32 else _int8(weight.float())


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
