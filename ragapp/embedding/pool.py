"""Pooling: token hidden states to one vector for a text, or for each sentence inside it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Pooling(StrEnum):
    """How token states become a vector. All of them ignore padding."""

    CLS = "cls"  # the first real token of the last layer
    POOLER = "pooler"  # the model's own pooler head (BERT's tanh layer)
    MEAN = "mean"  # mean of the last layer
    FIRST_LAST_AVG = "first-last-avg"  # mean of the embedding output and the last layer
    LAST_TWO_AVG = "last-two-avg"  # mean of the last two layers
    NATIVE = "native"  # what a sentence-transformers model declares in modules.json


def token_states(hidden_states: Sequence[Tensor], pooling: Pooling) -> Tensor:
    """Return the per-token states that a mean pooling averages.

    hidden_states: embedding output and every layer's output, each (batch, tokens, d).
    Returns (batch, tokens, d) float32. ``cls``, ``pooler`` and ``native`` have no per-token form
    of their own; sentences inside a passage then use the last layer, as ``mean`` does.

    First-last-avg: Li et al. 2020 (BERT-flow, section 4) and Su et al. 2021 (BERT-whitening).
    """
    last = hidden_states[-1].float()  # averages of bfloat16 states are taken in float32
    if pooling is Pooling.FIRST_LAST_AVG:
        return (hidden_states[0].float() + last) / 2
    if pooling is Pooling.LAST_TWO_AVG:
        return (hidden_states[-2].float() + last) / 2
    return last


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Average the states where mask is 1.

    states: (batch, tokens, d) float32; mask: (batch, tokens) of 0 and 1. Returns (batch, d);
    a row whose mask is all 0 gives zeros.
    """
    weights = mask.to(states.dtype).unsqueeze(1)
    total: Tensor = (weights @ states).squeeze(1)
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return total / count


def first_token(states: Tensor, mask: Tensor) -> Tensor:
    """Take the state of the first token that is not padding, on whichever side the padding is.

    states: (batch, tokens, d); mask: (batch, tokens). Returns (batch, d) float32.
    """
    first = mask.long().argmax(dim=1)
    rows = first.new_tensor(range(states.shape[0]))
    return states[rows, first].float()


def pool(
    hidden_states: Sequence[Tensor],
    mask: Tensor,
    pooling: Pooling,
    pooler_output: Tensor | None = None,
) -> Tensor:
    """Pool each text of a batch into one vector; ``native`` is the encoder's to do.

    hidden_states: layers + 1 of (batch, tokens, d); mask: (batch, tokens).
    Returns (batch, d) float32, not normalised.
    """
    if pooling is Pooling.POOLER:
        if pooler_output is None:
            raise ValueError("pooler pooling needs the model's pooler output")
        return pooler_output.float()
    if pooling is Pooling.CLS:
        return first_token(hidden_states[-1], mask)
    return masked_mean(token_states(hidden_states, pooling), mask)


def span_weights(
    offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], tokens: int
) -> list[list[float]]:
    """Build the averaging matrix from tokens to spans.

    offsets: character span of each token, (0, 0) for special ones; spans: character spans, in
    order. Returns (spans, tokens): row s averages the tokens that overlap span s, and is all 0
    where none does (the span was cut off by the token limit).
    """
    rows = []
    for start, end in spans:
        inside = [a < end and b > start and b > a for a, b in offsets]
        count = sum(inside)
        row = [1.0 / count if hit else 0.0 for hit in inside] if count else [0.0] * len(offsets)
        rows.append(row + [0.0] * (tokens - len(offsets)))
    return rows
