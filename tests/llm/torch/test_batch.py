"""Prompts that go through a model together are answered as each would be alone."""

import threading

import pytest
import torch
from tiny_model import reciting, tiny_engine

from ragapp.errors import EngineError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Answer, Message
from ragapp.types import never_cancel

SHORT = Decoding(max_new_tokens=6)
TEXTS = [f"{'word ' * n}{n}" for n in (3, 40, 1, 12, 0, 25, 7)]


@pytest.fixture
def engine():
    return tiny_engine()


def in_batches(engine, decoding, size, prompts=TEXTS):
    """What came of the prompts, so many at a time."""
    return [
        outcome
        for start in range(0, len(prompts), size)
        for outcome in engine.generate_batch(prompts[start : start + size], decoding, never_cancel)
    ]


@pytest.mark.parametrize(
    "decoding",
    [
        {},
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2},
        {"num_beams": 3},
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"forbidden_words": ("a", "e")},
        {"stop_strings": ("o", "i")},
    ],
    ids=lambda values: "+".join(values) or "greedy",
)
def test_an_answer_does_not_depend_on_the_batch_it_sat_in(engine, decoding):
    decoding = Decoding(max_new_tokens=12, **decoding)
    alone = in_batches(engine, decoding, 1)
    assert len(set(alone)) > 1
    assert in_batches(engine, decoding, 3) == in_batches(engine, decoding, len(TEXTS)) == alone


def test_texts_and_chats_may_sit_in_one_batch(engine):
    chat = [Message("user", "hello")]
    *said, _ = engine.generate(chat, SHORT, never_cancel)
    [text], [of_chat] = (engine.generate_batch([p], SHORT, never_cancel) for p in ("hello", chat))
    assert engine.generate_batch(["hello", chat], SHORT, never_cancel) == [text, of_chat]
    assert of_chat == Answer.of(said)


def test_a_text_is_continued_aloud_though_the_template_opens_the_thinking():
    engine = tiny_engine(reciting("abcdefgh"))
    engine.tokenizer.opens_thinking = True
    text, chat = engine.generate_batch([":", [Message("user", "")]], SHORT, never_cancel)
    assert text == Answer("abcdef")
    assert chat == Answer("", "abcdef")


def test_when_the_memory_runs_out_the_batch_is_halved(engine, monkeypatch):
    expected = in_batches(engine, SHORT, len(TEXTS))
    original, sizes = engine._model.generate, []

    def small_memory(ids, **arguments):
        sizes.append(len(ids))
        if len(ids) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return original(ids, **arguments)

    monkeypatch.setattr(engine._model, "generate", small_memory)
    assert in_batches(engine, SHORT, 4) == expected
    assert sizes == [4, 2, 2, 3, 1, 2]


def test_a_model_that_fails_says_so_for_every_prompt(engine, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("device lost")

    monkeypatch.setattr(engine._model, "generate", fail)
    outcomes = in_batches(engine, SHORT, len(TEXTS))
    assert len(outcomes) == len(TEXTS)
    assert all(isinstance(each, EngineError) and "device lost" in each.why for each in outcomes)


def test_who_stops_a_batch_gets_nothing_of_it(engine):
    assert engine.generate_batch(TEXTS, SHORT, lambda: True) == [None] * len(TEXTS)


def test_a_batch_waits_for_the_answer_in_work_and_can_be_given_up(engine):
    answer = engine.generate([Message("user", "hi")], Decoding(max_new_tokens=500), never_cancel)
    next(answer)
    waiting = threading.Event()

    def cancelled():
        waiting.set()
        return True

    assert engine.generate_batch(TEXTS, SHORT, cancelled) == [None] * len(TEXTS)
    assert waiting.is_set()
    answer.close()
    assert all(in_batches(engine, SHORT, len(TEXTS)))


def test_values_that_do_not_go_together_are_refused(engine):
    with pytest.raises(UsageError, match="num_beams"):
        engine.generate_batch(TEXTS, Decoding(num_beams=0), never_cancel)
