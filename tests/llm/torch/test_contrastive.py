"""Contrastive search equals its definition, computed without a cache, one candidate at a time."""

import itertools

import pytest
import torch
from tiny_model import tiny_llama
from torch.nn import functional as F

from ragapp.llm.decoding import Decoding
from ragapp.llm.torch.arguments import generation_arguments

PROMPT = [5, 9, 30, 2, 2, 17, 40]
END = 11


@pytest.fixture(scope="module")
def model():
    return tiny_llama(60)


def by_definition(model, prompt, alpha, k, steps, allowed=lambda ids, logits: logits):
    """Su et al. 2022, equation 5, read literally."""

    def read(ids):
        with torch.inference_mode():
            out = model(torch.tensor([ids]), output_hidden_states=True)
        return out.logits[0, -1], out.hidden_states[-1][0]

    ids = list(prompt)
    for _ in range(steps):
        logits, context = read(ids)
        probability = allowed(ids, logits.clone()).softmax(-1)
        best, best_value = None, -float("inf")
        for candidate in probability.topk(k).indices.tolist():
            hidden = read([*ids, candidate])[1][-1]
            similarity = max(float(F.cosine_similarity(hidden, h, dim=0)) for h in context)
            value = (1 - alpha) * float(probability[candidate]) - alpha * similarity
            if probability[candidate] > 0 and value > best_value:
                best, best_value = candidate, value
        ids.append(best)
        if best == END:
            break
    return ids[len(prompt) :]


def searched(model, prompts, alpha, k, steps, **more):
    length = max(map(len, prompts))
    ids = torch.tensor([[0] * (length - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (length - len(p)) + [1] * len(p) for p in prompts])
    decoding = Decoding(max_new_tokens=steps, penalty_alpha=alpha, top_k=k, **more)
    with torch.inference_mode():
        out = model.generate(
            ids, attention_mask=mask, eos_token_id=[END], pad_token_id=END,
            **generation_arguments(decoding),
        )  # fmt: skip
    answers = [row[length:].tolist() for row in out]
    return [a[: a.index(END) + 1] if END in a else a for a in answers]


@pytest.mark.parametrize(("alpha", "k"), [(0.6, 4), (0.3, 2), (0.9, 6), (1.0, 3)])
def test_it_chooses_what_the_definition_chooses(model, alpha, k):
    expected = by_definition(model, PROMPT, alpha, k, 25)
    assert searched(model, [PROMPT], alpha, k, 25) == [expected]


def test_the_penalty_matters(model):
    assert searched(model, [PROMPT], 0.9, 6, 25) != searched(model, [PROMPT], 0.01, 6, 25)


def test_a_padded_row_gets_the_answer_it_gets_alone(model):
    prompts = [PROMPT, [3, 8], [50, 51, 52, 53, 1, 2, 3, 4, 5, 6]]
    alone = [searched(model, [prompt], 0.6, 4, 20)[0] for prompt in prompts]
    assert searched(model, prompts, 0.6, 4, 20) == alone


def test_it_ends_at_a_terminator(model):
    ends = [seed for seed in range(20) if searched(model, [[seed, 4, 7]], 0.6, 5, 40)[0][-1] == END]
    assert ends
    prompt = [ends[0], 4, 7]
    assert searched(model, [prompt], 0.6, 5, 40) == [by_definition(model, prompt, 0.6, 5, 40)]


def test_logits_processors_are_honoured(model):
    def no_bigram_twice(ids, logits):
        for first, second in itertools.pairwise(ids):
            if first == ids[-1]:
                logits[second] = -float("inf")
        return logits

    expected = by_definition(model, PROMPT, 0.2, 4, 40, no_bigram_twice)
    assert searched(model, [PROMPT], 0.2, 4, 40, no_repeat_ngram_size=2) == [expected]
