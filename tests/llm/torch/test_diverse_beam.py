"""Diverse beam search equals its definition, computed without a cache, one beam at a time."""

import itertools

import pytest
import torch
from tiny_model import tiny_llama

from ragapp.llm.decoding import Decoding
from ragapp.llm.torch.arguments import generation_arguments

PROMPT = [5, 9, 30, 2, 2, 17, 40]
END = 11


@pytest.fixture(scope="module")
def model():
    model = tiny_llama(60)
    with torch.no_grad():
        model.lm_head.weight[END] *= 2  # so that some texts end by themselves
    return model


def ranked(model, prompt, beams, used, penalty):
    """Every continuation of a group's beams, best first: (score without penalty, answer)."""
    candidates = []
    for total, answer in beams:
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + answer])).logits[0, -1]
        for token, log_probability in enumerate(logits.log_softmax(-1).tolist()):
            score = total + log_probability
            rank = score - penalty * used.count(token)
            candidates.append((rank, score, [*answer, token]))
    candidates.sort(key=lambda candidate: -candidate[0])
    return [(score, answer) for _, score, answer in candidates]


def by_definition(model, prompt, beams, groups, penalty, steps, length_penalty=1.0):
    """Vijayakumar et al. 2016, algorithm 1, with texts that end as in ordinary beam search."""
    size = beams // groups
    running = [[(0.0, [])] for _ in range(groups)]
    finished = [[] for _ in range(groups)]
    closed = set()
    for step in range(1, steps + 1):
        used = []
        for group in sorted(set(range(groups)) - closed):
            candidates = ranked(model, prompt, running[group], used, penalty)
            ends = [answer[-1] == END or step == steps for _, answer in candidates]
            both = list(zip(candidates, ends, strict=True))
            ended = [text for text, end in both[:size] if end]
            finished[group] += [(score / step**length_penalty, ids) for score, ids in ended]
            finished[group] = sorted(finished[group], reverse=True)[:size]
            running[group] = [text for text, end in both[: 2 * size] if not end][:size]
            used += [answer[-1] for _, answer in running[group]]
            attainable = max((s for s, _ in running[group]), default=0.0) / step**length_penalty
            if len(finished[group]) == size and finished[group][-1][0] >= attainable:
                closed.add(group)
    return max(text for group in finished for text in group)[1]


def searched(model, prompts, beams, groups, penalty, steps, **more):
    length = max(map(len, prompts))
    ids = torch.tensor([[0] * (length - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (length - len(p)) + [1] * len(p) for p in prompts])
    decoding = Decoding(
        max_new_tokens=steps, num_beams=beams, num_beam_groups=groups, diversity_penalty=penalty,
        **more,
    )  # fmt: skip
    with torch.inference_mode():
        out = model.generate(
            ids, attention_mask=mask, eos_token_id=[END], pad_token_id=END,
            **generation_arguments(decoding),
        )  # fmt: skip
    answers = [row[length:].tolist() for row in out]
    return [a[: a.index(END) + 1] if END in a else a for a in answers]


@pytest.mark.parametrize("prompt", [PROMPT, [3, 8], [50, 51, 52, 53, 1, 2]], ids=str)
@pytest.mark.parametrize(
    ("beams", "groups", "penalty"), [(4, 2, 0.5), (6, 3, 1.0), (3, 3, 5.0), (6, 2, 0.1)]
)
def test_it_finds_what_the_definition_finds(model, prompt, beams, groups, penalty):
    expected = by_definition(model, prompt, beams, groups, penalty, 12)
    assert searched(model, [prompt], beams, groups, penalty, 12) == [expected]


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 2.0])
def test_length_penalty(model, length_penalty):
    expected = by_definition(model, PROMPT, 4, 2, 0.5, 15, length_penalty)
    assert searched(model, [PROMPT], 4, 2, 0.5, 15, length_penalty=length_penalty) == [expected]


def test_later_groups_find_likelier_texts(model):
    """With one beam a group, the first group's text is the greedy one, and others compete."""

    def likelihood(prompt, answer):
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        chosen = logits.log_softmax(-1)[torch.arange(len(answer)), torch.tensor(answer)]
        return float(chosen.mean())

    gains = []
    for first in range(20):
        prompt = [first, 4]
        greedy = by_definition(model, prompt, 1, 1, 0.0, 10)
        found = searched(model, [prompt], 4, 4, 3.0, 10)[0]
        gains.append(likelihood(prompt, found) - likelihood(prompt, greedy))
    assert min(gains) > -1e-5
    assert max(gains) > 0.1


def test_a_padded_row_gets_the_answer_it_gets_alone(model):
    prompts = [PROMPT, [3, 8], [50, 51, 52, 53, 1, 2, 3, 4, 5, 6]]
    alone = [searched(model, [prompt], 4, 2, 0.7, 15)[0] for prompt in prompts]
    assert searched(model, prompts, 4, 2, 0.7, 15) == alone


def test_some_texts_end_by_themselves(model):
    """What the comparison with the definition rests on: both ways to end occur in it."""
    ended = [searched(model, [[seed, 4]], 4, 2, 0.5, 12)[0][-1] == END for seed in range(12)]
    assert True in ended
    assert False in ended
    for seed, _ in enumerate(ended):
        expected = by_definition(model, [seed, 4], 4, 2, 0.5, 12)
        assert searched(model, [[seed, 4]], 4, 2, 0.5, 12) == [expected]


def test_logits_processors_are_honoured(model):
    answer = searched(model, [PROMPT], 4, 2, 0.5, 30, no_repeat_ngram_size=2)[0]
    pairs = list(itertools.pairwise(answer))
    assert len(set(pairs)) == len(pairs)
