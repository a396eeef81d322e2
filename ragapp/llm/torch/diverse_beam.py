"""Diverse beam search: groups of beams, each kept away from what the groups before it chose."""

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

OUT = -1e9
"""Score of a beam that is not to go on: below all others, and finite, so that sums stay numbers."""


def diverse_beam_search(
    model: CausalLM,
    input_ids: torch.Tensor,
    logits_processor: LogitsProcessors,
    stopping_criteria: StoppingCriteria,
    generation_config: Configuration,
    *,
    groups: int,
    penalty: float,
    **inputs: ModelInput,
) -> torch.Tensor:
    """Decode as Vijayakumar et al. 2016, "Diverse Beam Search", with Hamming diversity.

    At each step the groups choose in turn; a token's score is lowered by ``penalty`` for each
    beam of an earlier group that has just chosen it. The penalty steers the choice and is not
    summed up: texts compete by their log-probability over length ** ``length_penalty``. A group
    is done when it has finished as many texts as it has beams, and no beam can overtake them.

    ``generate`` of transformers calls it (``custom_generate``) with ``input_ids`` (prompts x
    beams, prompt length), padded on the left, equal for the beams of a prompt; returns the best
    text of each prompt, (prompts, prompt length + longest answer), padded on the right.
    """
    import torch

    beams, prompt_length = generation_config.num_beams, input_ids.shape[1]
    searches = [
        _Search(generation_config, groups, penalty, prompt_length, stopping_criteria)
        for _ in range(len(input_ids) // beams)
    ]
    # The prompt is read once, not once a beam.
    forward = CachedForward(model, inputs, every=beams)
    logits = forward.prompt(input_ids[::beams]).logits[:, -1].repeat_interleave(beams, dim=0)
    forward.repeat(beams)
    while True:
        scores = logits_processor(input_ids, logits.to(torch.float32, copy=True).log_softmax(-1))
        prompts = [slice(n * beams, (n + 1) * beams) for n in range(len(searches))]
        steps = [
            search.step(input_ids[of_one], scores[of_one])
            for search, of_one in zip(searches, prompts, strict=True)
        ]
        parents = torch.cat([parent + n * beams for n, (parent, _) in enumerate(steps)])
        tokens = torch.cat([token for _, token in steps])
        if all(search.done for search in searches):
            return _padded(
                input_ids[::beams, :prompt_length],
                [search.best() for search in searches],
                generation_config._pad_token_tensor,
            )
        input_ids = torch.cat([input_ids[parents], tokens[:, None]], dim=-1)
        forward.select(parents)
        logits = forward.next(tokens).logits[:, -1]


class _Search:
    """The search for one prompt: its groups, what they have finished, and their running beams."""

    def __init__(
        self,
        generation_config: Configuration,
        groups: int,
        penalty: float,
        prompt_length: int,
        stopping_criteria: StoppingCriteria,
    ) -> None:
        import torch

        terminators = generation_config._eos_token_tensor
        self._penalty = penalty
        self._length_penalty = generation_config.length_penalty
        self._size = generation_config.num_beams // groups
        # Even if every beam can end with every terminator, enough are left to go on.
        self._looked_at = self._size * (1 + (1 if terminators is None else len(terminators)))
        self._prompt_length = prompt_length
        self._ends = stopping_criteria
        # The log-probability of each running beam; at first the beams of a group are all the same.
        device = generation_config._pad_token_tensor.device
        self._totals = torch.full((groups, self._size), OUT, device=device)
        self._totals[:, 0] = 0.0
        self._finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(groups)]
        self._closed = [False] * groups

    @property
    def done(self) -> bool:
        return all(self._closed)

    def best(self) -> list[int]:
        """Return the ids of the best answer."""
        return max(text for group in self._finished for text in group)[1]

    def step(
        self, ids: torch.Tensor, log_probabilities: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Let every group choose; return for each beam which one it goes on from, and its token.

        ids (beams, length), log_probabilities of the next token (beams, vocabulary).
        """
        import torch

        chosen_before = torch.zeros_like(log_probabilities[0])
        parents, tokens = [], []
        for group in range(len(self._closed)):
            begin = group * self._size
            beams = slice(begin, begin + self._size)
            parent, token = self._choose(group, ids[beams], log_probabilities[beams], chosen_before)
            if not self._closed[group]:
                chosen_before.index_add_(0, token, torch.ones_like(token, dtype=torch.float32))
            parents.append(parent + begin)
            tokens.append(token)
        return torch.cat(parents), torch.cat(tokens)

    def _choose(
        self,
        group: int,
        ids: torch.Tensor,
        log_probabilities: torch.Tensor,
        chosen_before: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        vocabulary = log_probabilities.shape[-1]
        scores = self._totals[group][:, None] + log_probabilities
        ranked = (scores - self._penalty * chosen_before).flatten()
        order = ranked.topk(min(self._looked_at, len(ranked))).indices
        scores, parents, tokens = scores.flatten()[order], order // vocabulary, order % vocabulary
        texts = torch.cat([ids[parents], tokens[:, None]], dim=-1)
        ended = self._ends(texts, None)
        if not self._closed[group]:
            self._finish(group, scores[: self._size], texts[: self._size], ended[: self._size])
        scores = scores.masked_fill(ended, OUT)
        on = torch.sort(ended.long(), stable=True).indices[: self._size]  # the best that go on
        self._totals[group] = scores[on]
        self._close_if_settled(group, texts.shape[-1], bool(ended.all()))
        return parents[on], tokens[on]

    def _finish(
        self, group: int, scores: torch.Tensor, texts: torch.Tensor, ended: torch.Tensor
    ) -> None:
        for place in ended.nonzero()[:, 0].tolist():
            if scores[place] > OUT / 2:
                self._finished[group].append(
                    (
                        self._by_length(float(scores[place]), texts.shape[-1]),
                        texts[place, self._prompt_length :].tolist(),
                    )
                )
        self._finished[group] = sorted(self._finished[group], reverse=True)[: self._size]

    def _close_if_settled(self, group: int, length: int, all_ended: bool) -> None:
        finished = self._finished[group]
        attainable = self._by_length(float(self._totals[group].max()), length)
        settled = len(finished) == self._size and finished[-1][0] >= attainable
        self._closed[group] = self._closed[group] or all_ended or settled

    def _by_length(self, total: float, length: int) -> float:
        answer_tokens = length - self._prompt_length
        return float(total / answer_tokens**self._length_penalty)


def _padded(prompts: torch.Tensor, answers: list[list[int]], padding: torch.Tensor) -> torch.Tensor:
    import torch

    longest = max(map(len, answers))
    rows = [answer + [int(padding)] * (longest - len(answer)) for answer in answers]
    return torch.cat([prompts, torch.tensor(rows, device=prompts.device)], dim=-1)
