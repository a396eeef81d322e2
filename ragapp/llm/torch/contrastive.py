"""Contrastive search: likely tokens that do not repeat the context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragapp.llm.torch.cached_forward import CachedForward
from ragapp.untyped import (
    CausalLM,
    Configuration,
    LogitsProcessors,
    ModelInput,
    StoppingCriteria,
)

if TYPE_CHECKING:
    import torch


def contrastive_search(
    model: CausalLM,
    input_ids: torch.Tensor,
    logits_processor: LogitsProcessors,
    stopping_criteria: StoppingCriteria,
    generation_config: Configuration,
    *,
    alpha: float,
    k: int,
    **inputs: ModelInput,
) -> torch.Tensor:
    """Decode as Su et al. 2022, "A Contrastive Framework for Neural Text Generation", §3.

    Of the ``k`` likeliest tokens v, the next is the one with the largest
    (1 - alpha) p(v) - alpha max_j cos(h_v, h_j), where h are last hidden states, h_j those of the
    context. One forward pass a token reads all k candidates.

    ``generate`` of transformers calls it (``custom_generate``) with ``input_ids`` (rows, prompt
    length), padded on the left; returns (rows, prompt length + longest answer).
    """
    import torch
    from torch.nn import functional as F

    rows = len(input_ids)
    every = torch.arange(rows, device=input_ids.device)
    unfinished = torch.ones_like(every, dtype=torch.bool)
    padding = torch.zeros_like(input_ids, dtype=torch.bool)
    if inputs.get("attention_mask") is not None:
        padding = inputs["attention_mask"] == 0

    forward = CachedForward(model, inputs | {"output_hidden_states": True})
    outputs = forward.prompt(input_ids)
    context = F.normalize(outputs.hidden_states[-1].float(), dim=-1)  # (rows, length, hidden)
    logits = outputs.logits[:, -1]
    forward.repeat(k)
    while True:
        scores = logits_processor(input_ids, logits.to(torch.float32, copy=True))
        probability, candidates = scores.softmax(dim=-1).topk(k)  # (rows, k)
        outputs = forward.next(candidates.flatten())
        hidden = F.normalize(outputs.hidden_states[-1][:, -1].float(), dim=-1).view(rows, k, -1)
        similarity = (hidden @ context.mT).masked_fill(padding[:, None], -1.0).amax(dim=-1)
        value = (1 - alpha) * probability - alpha * similarity
        best = value.masked_fill(probability == 0, -float("inf")).argmax(dim=-1)  # (rows,)

        tokens = candidates[every, best]
        tokens = torch.where(unfinished, tokens, generation_config._pad_token_tensor)
        input_ids = torch.cat([input_ids, tokens[:, None]], dim=-1)
        unfinished = unfinished & ~stopping_criteria(input_ids, None)
        if not unfinished.any():
            return input_ids

        chosen = every * k + best
        logits = outputs.logits[chosen, -1]
        context = torch.cat([context, hidden[every, best][:, None]], dim=1)
        padding = F.pad(padding, (0, 1))
        forward.select(chosen.repeat_interleave(k))
