"""Generation through OpenVINO GenAI with real weights: SmolLM2-135M-Instruct, exported to int8."""

import os
import signal
import threading
import time

import pytest
from fixtures import SMOLLM2

from ragapp.errors import EngineError, ModelError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Message, Text
from ragapp.llm.openvino import export as openvino_export
from ragapp.llm.openvino import process
from ragapp.llm.openvino.engine import OpenVinoEngine, open_export
from ragapp.llm.tokenizers.load import load_chat_tokenizer
from ragapp.types import FinishReason, never_cancel

COUNT = [Message("user", "Count from 1 to 50 in words.")]
SHORT = [Message("user", "What is the capital of France? Answer in one word.")]
LONG = "The lighthouse of Varnholm was built in 1874 by Ada Lindqvist. " * 20


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def openvino(models_dir, exports):
    folder = models_dir / SMOLLM2
    tokenizer = load_chat_tokenizer(folder, SMOLLM2)
    export = openvino_export.exported(folder, exports, SMOLLM2)
    return OpenVinoEngine(open_export(export, SMOLLM2, 2048), tokenizer, SMOLLM2, 2048)


def run(engine, messages=COUNT, cancel=never_cancel, **decoding):
    events = list(engine.generate(messages, Decoding(**{"max_new_tokens": 6} | decoding), cancel))
    assert isinstance(events[-1], Done)
    assert all(isinstance(event, Text) for event in events[:-1])
    return "".join(event.text for event in events[:-1]), events[-1]


def test_a_model_that_stops_by_itself_says_stop_and_shows_no_control_token(openvino):
    text, done = run(openvino, SHORT, max_new_tokens=60)
    assert "Paris" in text
    assert "<|im_end|>" not in text
    assert done.finish_reason is FinishReason.STOP
    assert done.prompt_tokens == openvino.count_tokens(SHORT)


def test_it_says_what_the_torch_engine_says(openvino, engine):
    assert run(openvino, SHORT, max_new_tokens=20)[0] == run(engine, SHORT, max_new_tokens=20)[0]


def test_a_full_answer_says_length_and_streams_in_pieces(openvino):
    events = list(openvino.generate(COUNT, Decoding(max_new_tokens=9), never_cancel))
    assert len(events) > 6
    assert events[-1].completion_tokens == 9
    assert events[-1].finish_reason is FinishReason.LENGTH
    assert events[-1].first_token_s > 0
    assert events[-1].tokens_per_s > 0


def test_sampling_follows_its_seed(openvino):
    def sampled(seed):
        return run(openvino, do_sample=True, temperature=1.5, seed=seed, max_new_tokens=12)[0]

    first = sampled(1)
    assert sampled(1) == first
    assert sampled(2) != first


def test_a_stop_string_ends_the_answer_before_it(openvino):
    whole = run(openvino, COUNT, max_new_tokens=30)[0]
    stop = whole[20:26]  # across token borders
    text, done = run(openvino, COUNT, max_new_tokens=30, stop_strings=(stop,))
    assert text == whole[: whole.index(stop)]
    assert done.finish_reason is FinishReason.STOP


def test_an_answer_ends_where_the_context_does(openvino):
    asked = [Message("user", LONG * 4 + "Count on.")]
    room = openvino.context_tokens - openvino.count_tokens(asked)
    done = run(openvino, asked, max_new_tokens=5000, repetition_penalty=1.3)[1]
    assert done.completion_tokens <= room


@pytest.mark.parametrize("after", [1, 5])
def test_a_cancelled_answer_stops_within_one_token_and_the_engine_goes_on(openvino, after):
    seen, events = [], []
    stream = openvino.generate(COUNT, Decoding(max_new_tokens=300), lambda: len(seen) >= after)
    for event in stream:
        events.append(event)
        seen += [event] if isinstance(event, Text) else []
    assert events[-1].finish_reason is FinishReason.CANCELLED
    assert events[-1].completion_tokens <= after + 2
    assert run(openvino)[1].finish_reason is FinishReason.LENGTH


def test_closing_the_stream_ends_the_generation(openvino):
    stream = openvino.generate(COUNT, Decoding(max_new_tokens=1000), never_cancel)
    next(stream)
    assert openvino._process.running == 1
    stream.close()
    assert openvino._process.running == 0
    started = time.perf_counter()
    run(openvino, max_new_tokens=1)
    assert time.perf_counter() - started < 2, "the closed one still takes its time"


def test_other_threads_go_on_while_a_long_prompt_is_read(openvino):
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.01):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    run(openvino, [Message("user", LONG * 4 + "Who?")], max_new_tokens=1)
    possible = (time.perf_counter() - started) / 0.01
    done.set()
    thread.join()
    assert len(ticks) > possible / 5, "steps that hold Python's lock leave a handful"


def test_a_process_that_dies_ends_its_answer_with_a_reason_and_the_next_one_works(openvino):
    stream = openvino.generate(COUNT, Decoding(max_new_tokens=1000), never_cancel)
    said = next(stream)
    os.kill(openvino._process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="ended"):
        list(stream)
    assert said.text
    text, done = run(openvino, SHORT, max_new_tokens=20)
    assert "Paris" in text
    assert done.finish_reason is FinishReason.STOP


def test_a_beginning_said_before_comes_from_the_cache_and_changes_nothing(openvino):
    asked = [Message("system", LONG), Message("user", "Who built it?")]
    text, first = run(openvino, asked, max_new_tokens=12)
    again, second = run(openvino, asked, max_new_tokens=12)
    assert again == text
    assert second.first_token_s < 0.5 * first.first_token_s
    assert first.cached_tokens is second.cached_tokens is None, "OpenVINO does not tell"


def test_several_people_are_answered_at_once_as_each_would_be_alone(openvino):
    questions = [
        [Message("user", f"Say the number {n} and nothing else.")] for n in ("three", "seven")
    ] + [COUNT, SHORT]
    alone = [run(openvino, question, max_new_tokens=24)[0] for question in questions]
    together = [""] * len(questions)

    def answer(index):
        together[index] = run(openvino, questions[index], max_new_tokens=24)[0]

    threads = [threading.Thread(target=answer, args=(index,)) for index in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.parametrize(
    ("decoding", "named"),
    [
        ({"num_beams": 3}, "num_beams"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "penalty_alpha"),
        ({"forbidden_words": ("secret",)}, "forbidden_words"),
        ({"no_repeat_ngram_size": 2}, "no_repeat_ngram_size"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(openvino, decoding, named):
    with pytest.raises(UsageError, match=named):
        openvino.check(Decoding(**decoding))


def test_a_prompt_longer_than_the_cache_is_told(openvino):
    with pytest.raises(EngineError, match="longer than the room"):
        run(openvino, [Message("user", LONG * 40)])
    assert run(openvino, max_new_tokens=1)


def test_a_damaged_export_says_what_to_delete(tmp_path):
    (tmp_path / "openvino_model.xml").write_text("<net")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        open_export(tmp_path, "broken", 512)


def test_a_process_that_ends_while_it_loads_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "MODULE", "ragapp.llm.openvino.no_such_module")
    with pytest.raises(ModelError, match="process ended, with code 1"):
        open_export(tmp_path, "any", 512)
