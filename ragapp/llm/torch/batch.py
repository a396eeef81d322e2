"""Many prompts through one model at a time: padded on the left, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Answer
from ragapp.llm.reader import AnswerReader
from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.llm.torch.arguments import (
    generation_arguments,
    logits_processors,
    seeded,
    stopping_criteria,
)
from ragapp.types import CancelCheck
from ragapp.untyped import CausalLM

if TYPE_CHECKING:
    import torch


def generate_padded(
    model: CausalLM,
    tokenizer: ChatTokenizer,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    context_tokens: int,
    cancel: CancelCheck,
    thinking: Sequence[bool],
) -> list[Answer] | None:
    """Return what the model answers to each prompt (its ids), None if it was cancelled.

    thinking: which prompts end with the mark after which the model thinks.
    An answer ends where prompt and answer together fill the context. In float32 and without
    sampling it does not depend on the other prompts: padding stands on the left, is masked, and
    takes no position.
    """
    import torch

    room = [context_tokens - len(prompt) for prompt in prompts]
    limits = [min(decoding.max_new_tokens, tokens) for tokens in room]
    # Masked, padding reaches nothing but the rule against repeated n-grams. That rule would forbid
    # the terminator as a 1-gram; in longer n-grams a terminator forbids only what comes after it.
    padding = None if decoding.no_repeat_ngram_size == 1 else tokenizer.terminators[0]
    ids, mask = _padded(prompts, padding, model.device)
    length = ids.shape[1]
    cancelled = _Cancelled(cancel)
    criteria = stopping_criteria(decoding, tokenizer, length)
    criteria.append(cancelled)
    with torch.inference_mode(), seeded(decoding, model.device):
        sequences = model.generate(
            ids,
            attention_mask=mask,
            logits_processor=logits_processors(decoding, tokenizer, length),
            stopping_criteria=criteria,
            eos_token_id=list(tokenizer.terminators),
            pad_token_id=tokenizer.terminators[0],
            **generation_arguments(replace(decoding, max_new_tokens=max(limits))),
        )
    if cancelled.seen:
        return None
    answers = sequences[:, length:].tolist()
    return [
        Answer.of([*AnswerReader(tokenizer, decoding, thinking=thinks).read(answer[:limit])])
        for answer, limit, thinks in zip(answers, limits, thinking, strict=True)
    ]


def _padded(
    prompts: Sequence[Sequence[int]], padding: int | None, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids (prompts, longest) and their mask; None pads each with its own first id."""
    import torch

    longest = max(map(len, prompts))
    ids, mask = [], []
    for prompt in prompts:
        missing = longest - len(prompt)
        ids.append([prompt[0] if padding is None else padding] * missing + list(prompt))
        mask.append([0] * missing + [1] * len(prompt))
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


class _Cancelled:
    """A stopping criterion; ``seen`` says that it stopped the batch."""

    def __init__(self, cancel: CancelCheck) -> None:
        self._cancel = cancel
        self.seen = False

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        import torch

        self.seen = self.seen or self._cancel()
        return torch.full((len(input_ids),), self.seen, device=input_ids.device)
