"""Every mode of decoding, through the engine and in batches, against transformers' own."""

import threading

import pytest
import torch
from tiny_model import byte_tokenizer, tiny_engine, tiny_llama
from transformers.utils import logging

from ragapp.llm.decoding import PRESETS, Decoding
from ragapp.llm.engine import Message
from ragapp.llm.torch.arguments import (
    generation_arguments,
    logits_processors,
    seeded,
    stopping_criteria,
)
from ragapp.types import never_cancel

QUESTION = [Message("user", "What is whitening?")]
EXACT = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.8, "seed": 3},
    "top-k": {"do_sample": True, "top_k": 5, "seed": 3},
    "top-p": {"do_sample": True, "top_p": 0.5, "seed": 3},
    "min-p": {"do_sample": True, "min_p": 0.2, "seed": 3},
    "penalties": {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2},
    "beam": {"num_beams": 4},
    "beam, long": {"num_beams": 3, "length_penalty": 2.0, "no_repeat_ngram_size": 2},
}
MODES = EXACT | {
    "diverse beam": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
}


@pytest.fixture(autouse=True)
def warnings_reach_caplog():
    logging.enable_propagation()
    yield
    logging.disable_propagation()


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


def answer(engine, **values):
    *texts, done = engine.generate(QUESTION, Decoding(**values), never_cancel)
    return [piece.text for piece in texts], done


@pytest.mark.parametrize("mode", EXACT)
def test_the_engine_says_what_generate_says(model, mode):
    values = dict(EXACT[mode])
    engine = tiny_engine(model)
    ours, _ = answer(engine, max_new_tokens=30, **values)
    torch.manual_seed(values.pop("seed", 0))
    prompt = torch.tensor([engine.tokenizer.prompt_ids(QUESTION)])
    end = engine.tokenizer.terminators[0]
    values = {"do_sample": False, "top_k": 0} | values
    theirs = model.generate(prompt, max_new_tokens=30, eos_token_id=end, pad_token_id=end, **values)
    expected = engine.tokenizer.decode(theirs[0, prompt.shape[1] :].tolist())
    assert "".join(ours) == expected
    assert len(expected) > 5


def test_the_sampling_values_each_matter(model):
    texts = {
        mode: "".join(answer(tiny_engine(model), max_new_tokens=30, **values)[0])
        for mode, values in EXACT.items()
    }
    assert len(set(texts.values())) == len(EXACT)


def test_a_checkpoint_s_own_generation_config_does_not_interfere(model):
    expected = answer(tiny_engine(model), max_new_tokens=30)
    opinionated = tiny_llama()
    for name, value in {
        "do_sample": True, "temperature": 0.3, "top_k": 3, "top_p": 0.1, "num_beams": 3,
        "repetition_penalty": 1.3, "max_length": 12, "length_penalty": 3.0, "min_p": 0.4,
        "no_repeat_ngram_size": 1, "penalty_alpha": 0.5,
    }.items():  # fmt: skip
        setattr(opinionated.generation_config, name, value)
    texts, done = answer(tiny_engine(opinionated), max_new_tokens=30)
    assert (texts, done.completion_tokens) == (expected[0], expected[1].completion_tokens)


@pytest.mark.parametrize("mode", MODES)
def test_text_streams_unless_there_are_beams(model, mode):
    texts, done = answer(tiny_engine(model), max_new_tokens=30, **MODES[mode])
    assert (len(texts) == 1) == ("beam" in mode)
    assert done.completion_tokens > 5
    assert done.tokens_per_s > 0
    assert done.first_token_s > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_run(model, preset):
    *texts, _ = tiny_engine(model).generate(QUESTION, PRESETS[preset], never_cancel)
    assert texts


def test_a_seed_leaves_the_process_s_random_numbers_alone(model):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    answer(tiny_engine(model), max_new_tokens=10, do_sample=True, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_the_same_seed_says_the_same_and_another_something_else(model):
    def sampled(seed):
        return answer(tiny_engine(model), max_new_tokens=20, do_sample=True, seed=seed)[0]

    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)


def test_without_a_seed_answers_differ(model):
    engine = tiny_engine(model)
    first, second = (answer(engine, max_new_tokens=20, do_sample=True)[0] for _ in range(2))
    assert first != second


# --- in batches ---

PROMPTS = ["Hi", "What is whitening?", "白化有什么用？", "x" * 70]


def batch(model, texts, **values):
    """Answer a padded batch, as batch inference does; return the texts."""
    tokenizer, decoding = byte_tokenizer(), Decoding(max_new_tokens=25, **values)
    prompts = [tokenizer.prompt_ids([Message("user", text)]) for text in texts]
    length, end = max(map(len, prompts)), tokenizer.terminators[0]
    with torch.inference_mode(), seeded(decoding, model.device):
        rows = model.generate(
            torch.tensor([[end] * (length - len(ids)) + ids for ids in prompts]),
            attention_mask=torch.tensor(
                [[0] * (length - len(ids)) + [1] * len(ids) for ids in prompts]
            ),
            eos_token_id=list(tokenizer.terminators),
            pad_token_id=end,
            logits_processor=logits_processors(decoding, tokenizer, length),
            stopping_criteria=stopping_criteria(decoding, tokenizer, length),
            **generation_arguments(decoding),
        )
    answers = [row[length:].tolist() for row in rows]
    return [tokenizer.decode(a[: a.index(end)] if end in a else a) for a in answers]


@pytest.mark.parametrize("mode", [mode for mode in MODES if "seed" not in MODES[mode]])
def test_a_row_of_a_batch_says_what_it_says_alone(model, mode):
    values = MODES[mode] | {"forbidden_words": ("e", "x")}
    alone = [batch(model, [text], **values)[0] for text in PROMPTS]
    assert batch(model, PROMPTS, **values) == alone
    assert not any(letter in text.lower() for text in alone for letter in "ex")
    assert len(set(alone)) == len(PROMPTS)


def test_rows_end_at_stop_strings(model):
    plain = batch(model, PROMPTS)
    stop = plain[1][4:6]
    for text, whole in zip(batch(model, PROMPTS, stop_strings=(stop,)), plain, strict=True):
        assert text == (whole[: whole.index(stop) + len(stop)] if stop in whole else whole)


@pytest.mark.parametrize("mode", ["beam", "diverse beam"])
def test_a_beam_is_finished_when_it_says_a_stop_string(model, mode):
    values = MODES[mode] | {"max_new_tokens": 30, "length_penalty": -5.0}  # the shortest wins
    whole = "".join(answer(tiny_engine(model), **values)[0])
    stops = tuple(set(whole) - {"\ufffd"})
    texts, done = answer(tiny_engine(model), stop_strings=stops, **values)
    assert done.finish_reason == "stop"
    assert done.completion_tokens < 30
    assert not set(stops) & set("".join(texts))


@pytest.mark.parametrize("mode", MODES)
def test_transformers_has_nothing_to_complain_about(model, mode, caplog):
    answer(tiny_engine(model), max_new_tokens=3, **MODES[mode])
    assert caplog.text == ""


@pytest.mark.parametrize("mode", MODES)
def test_stop_keeps_what_was_said_in_every_mode(model, mode):
    engine, asked = tiny_engine(model), []

    def cancel():
        asked.append(None)
        return len(asked) > 8

    *texts, done = engine.generate(QUESTION, Decoding(max_new_tokens=900, **MODES[mode]), cancel)
    assert done.finish_reason == "cancelled"
    assert 1 <= done.completion_tokens <= 9
    assert "".join(piece.text for piece in texts)
    assert not [t for t in threading.enumerate() if t.name == "generate"]
