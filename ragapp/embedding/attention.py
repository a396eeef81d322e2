"""Bidirectional attention for short sequences in bfloat16 on a CPU, a sequence at a time.

torch's fused kernel is slow for the 32-dimensional heads of small encoders: for 350 tokens and 12
heads, 2.25 ms against 1.33 ms for two plain products and a softmax whose scores stay in the cache.
Going through the batch by sequence also leaves out the padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragapp.untyped import AttentionArgument, Layer

if TYPE_CHECKING:
    from torch import Tensor

NAME = "ragapp_short_sequences"


def register() -> str:
    """Make the implementation known to transformers; returns the name to ask for."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    return NAME


def attend(
    module: Layer,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: AttentionArgument,
) -> tuple[Tensor, None]:
    """Attend within each sequence; padding is on the right, and gets zeros.

    query, key, value: (batch, heads, tokens, d); attention_mask: (batch, 1, tokens, tokens) bool,
    or None when nothing is padded. Returns (batch, tokens, heads, d).
    """
    import torch

    batch, heads, tokens, d = query.shape
    scaling = d**-0.5 if scaling is None else scaling
    lengths = [tokens] * batch
    if attention_mask is not None:
        lengths = attention_mask[:, 0, 0].sum(dim=-1).tolist()
    output = query.new_zeros(batch, tokens, heads, d)
    for row, n in enumerate(lengths):
        q = query[row, :, :n] * scaling
        scores = torch.bmm(q, key[row, :, :n].transpose(1, 2).contiguous())
        mixed = torch.bmm(torch.softmax(scores, dim=-1), value[row, :, :n].contiguous())
        output[row, :n] = mixed.transpose(0, 1)
    return output, None
