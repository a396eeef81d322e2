"""A ``Decoding`` as transformers' ``generate`` takes it, for one prompt or a padded batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ragapp.llm.decoding import Decoding, Mode
from ragapp.llm.reader import first_stop
from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.llm.torch.contrastive import contrastive_search
from ragapp.llm.torch.diverse_beam import diverse_beam_search
from ragapp.llm.torch.forbidden import ForbiddenWords
from ragapp.untyped import LogitsProcessors, StoppingCriteria

if TYPE_CHECKING:
    import torch


def generation_arguments(decoding: Decoding) -> dict[str, Any]:
    """Return the arguments of ``generate`` that choose tokens.

    Every value is named, so that none comes from the checkpoint's own ``generation_config.json``.
    """
    arguments: dict[str, Any] = {
        "max_new_tokens": decoding.max_new_tokens,
        "do_sample": decoding.do_sample,
        "temperature": decoding.temperature,
        "top_k": decoding.top_k if decoding.do_sample else None,
        "top_p": decoding.top_p,
        "min_p": decoding.min_p,
        "num_beams": decoding.num_beams,
        "length_penalty": 1.0 if decoding.length_penalty is None else decoding.length_penalty,
        "repetition_penalty": float(decoding.repetition_penalty),
        "no_repeat_ngram_size": decoding.no_repeat_ngram_size,
        # Gone from transformers 5, which would fetch code for them; the callables take over.
        "penalty_alpha": None,
        "num_beam_groups": None,
        "diversity_penalty": None,
    }
    if decoding.mode is Mode.CONTRASTIVE:
        arguments["custom_generate"] = partial(
            contrastive_search, alpha=decoding.penalty_alpha or 0.0, k=decoding.top_k or 1
        )
    elif decoding.mode is Mode.DIVERSE_BEAM:
        arguments["custom_generate"] = partial(
            diverse_beam_search,
            groups=decoding.num_beam_groups,
            penalty=decoding.diversity_penalty or 0.0,
        )
    return arguments


def logits_processors(
    decoding: Decoding, tokenizer: ChatTokenizer, prompt_length: int
) -> LogitsProcessors:
    """Return the logits processors that transformers does not make from the arguments itself.

    ``prompt_length`` counts the ids of each row before the answer, padding included.
    """
    from transformers import LogitsProcessorList

    if not decoding.forbidden_words:
        return LogitsProcessorList()
    return LogitsProcessorList([ForbiddenWords(decoding.forbidden_words, tokenizer, prompt_length)])


def stopping_criteria(
    decoding: Decoding, tokenizer: ChatTokenizer, prompt_length: int
) -> StoppingCriteria:
    """Return the criteria that end a row at a stop string, which its text still has at the end.

    ``prompt_length`` counts the ids of each row before the answer, padding included.
    """
    from transformers import StoppingCriteriaList

    if not decoding.stop_strings:
        return StoppingCriteriaList()
    return StoppingCriteriaList([_StopStringCriterion(decoding, tokenizer, prompt_length)])


@contextmanager
def seeded(decoding: Decoding, device: torch.device) -> Iterator[None]:
    """Draw from the seed's random numbers, and give the process back its own afterwards."""
    import torch

    if decoding.seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(decoding.seed)
        yield


class _StopStringCriterion:
    def __init__(self, decoding: Decoding, tokenizer: ChatTokenizer, prompt_length: int) -> None:
        self._strings = decoding.stop_strings
        self._tokenizer = tokenizer
        self._prompt_length = prompt_length
        # A token adds a byte or more; a character cut in two at the window's start may hide three.
        self._window = max(len(string.encode()) for string in self._strings) + 3

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        import torch

        window = input_ids[:, self._prompt_length :][:, -self._window :].tolist()
        found = [
            first_stop(self._tokenizer.decode(ids), self._strings) is not None for ids in window
        ]
        return torch.tensor(found, device=input_ids.device)
