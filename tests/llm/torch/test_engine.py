"""Generation with real weights: SmolLM2-135M-Instruct."""

import itertools
import json
import shutil
import threading
import time
from unittest.mock import ANY

import pytest
import torch
from fixtures import SMOLLM2
from tiny_model import reciting, tiny_engine, tiny_llama

from ragapp.errors import EngineError, ModelError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Message, Text
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.engine import TorchEngine
from ragapp.types import FinishReason, never_cancel

COUNT = [Message("user", "Count from 1 to 50 in words.")]
SHORT = [Message("user", "What is the capital of France? Answer in one word.")]


def run(engine, messages=COUNT, cancel=never_cancel, **decoding):
    decoding = {"max_new_tokens": 6} | decoding
    events = list(engine.generate(messages, Decoding(**decoding), cancel))
    assert isinstance(events[-1], Done)
    assert all(isinstance(event, Text) for event in events[:-1])
    return "".join(event.text for event in events[:-1]), events[-1]


def test_an_answer_streams_in_several_pieces_and_says_how_it_went(engine):
    events = list(engine.generate(COUNT, Decoding(max_new_tokens=9), never_cancel))
    done = events[-1]
    assert len(events) > 6
    assert done.prompt_tokens == engine.count_tokens(COUNT)
    assert done.completion_tokens == 9
    assert done.first_token_s > 0
    assert done.tokens_per_s > 0


def test_a_model_that_stops_by_itself_says_stop_and_shows_no_control_token(engine):
    text, done = run(engine, SHORT, max_new_tokens=60)
    assert "Paris" in text
    assert "<|im_end|>" not in text
    assert done.finish_reason is FinishReason.STOP


def test_a_full_answer_says_length(engine):
    assert run(engine, max_new_tokens=5)[1].finish_reason is FinishReason.LENGTH
    assert run(engine, max_new_tokens=1)[1].completion_tokens == 1


def test_greedy_is_the_same_every_time(engine):
    assert run(engine)[0] == run(engine)[0]


def test_sampling_follows_its_seed(engine):
    def sampled(seed):
        return run(engine, do_sample=True, temperature=1.5, seed=seed)[0]

    first = sampled(1)
    assert sampled(1) == first
    assert sampled(2) != first


@pytest.mark.parametrize("after", [1, 5])
def test_a_cancelled_answer_stops_within_one_token(engine, after):
    seen = []
    events = []
    for event in engine.generate(COUNT, Decoding(max_new_tokens=200), lambda: len(seen) >= after):
        events.append(event)
        if isinstance(event, Text):
            seen.append(event)
    done = events[-1]
    assert done.finish_reason is FinishReason.CANCELLED
    # The reader runs beside the model: one token may be in work, and one on its way.
    assert done.completion_tokens <= after + 2


def test_cancelled_before_the_first_token(engine):
    _, done = run(engine, cancel=lambda: True, max_new_tokens=200)
    assert done.finish_reason is FinishReason.CANCELLED
    assert done.completion_tokens <= 1


def test_closing_the_stream_frees_the_engine_at_once(engine):
    stream = engine.generate(COUNT, Decoding(max_new_tokens=500), never_cancel)
    next(stream)
    started = time.perf_counter()
    stream.close()
    assert time.perf_counter() - started < 5
    assert not [t for t in threading.enumerate() if t.name == "generate"]
    run(engine, max_new_tokens=1)


def test_two_callers_queue_and_both_get_their_own_answer(engine):
    expected = {"count": run(engine, COUNT)[0], "short": run(engine, SHORT)[0]}
    answers = {}
    threads = [
        threading.Thread(target=lambda k=k, m=m: answers.__setitem__(k, run(engine, m)[0]))
        for k, m in (("count", COUNT), ("short", SHORT))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == expected


def test_who_waits_in_the_queue_can_give_up(engine):
    first = engine.generate(COUNT, Decoding(max_new_tokens=500), never_cancel)
    next(first)
    try:
        _, done = run(engine, cancel=lambda: True)
        assert done.finish_reason is FinishReason.CANCELLED
        assert done.prompt_tokens == 0
    finally:
        first.close()


def test_a_failure_of_the_model_is_an_engine_error_and_the_engine_goes_on(engine, monkeypatch):
    def out_of_memory(*_args, **_kwargs):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(engine._model, "generate", out_of_memory)
    with pytest.raises(EngineError, match="no memory left"):
        run(engine)
    monkeypatch.undo()
    run(engine, max_new_tokens=1)


@pytest.mark.parametrize("error", [IndexError("index out of range"), TypeError("bad argument")])
def test_no_failure_passes_for_a_short_answer(engine, monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(engine._model, "generate", fail)
    with pytest.raises(EngineError, match=str(error)):
        run(engine)


# --- how answers end ---


def test_a_terminator_is_neither_shown_nor_counted(engine):
    text, done = run(engine, SHORT, max_new_tokens=60)
    assert done.completion_tokens == len(engine.tokenizer.encode(text))


def test_an_answer_whose_last_token_may_be_a_terminator_stops_there(engine):
    """With room for the terminator the model has stopped; with one token less it has not."""
    whole, done = run(engine, SHORT, max_new_tokens=60)
    just, short = (
        run(engine, SHORT, max_new_tokens=done.completion_tokens + room) for room in (1, 0)
    )
    assert just == (whole, ANY)
    assert short[0] == whole
    reasons = [just[1].finish_reason, short[1].finish_reason]
    assert reasons == [FinishReason.STOP, FinishReason.LENGTH]
    assert just[1].completion_tokens == short[1].completion_tokens == done.completion_tokens


def test_every_terminator_ends_an_answer():
    """Llama 3 has two."""
    model = tiny_llama()
    whole = run(tiny_engine(model), max_new_tokens=30)[0]
    for second in dict.fromkeys(letter for letter in whole if letter.isascii()):
        engine = tiny_engine(model)
        engine.tokenizer.terminators += tuple(engine.tokenizer.encode(second))
        text, done = run(engine, max_new_tokens=30)
        assert text == whole[: whole.index(second)]
        assert done.finish_reason is FinishReason.STOP


def test_an_answer_never_outgrows_the_context():
    engine = tiny_engine(context_tokens=70)
    room = 70 - engine.count_tokens(COUNT)
    _, done = run(engine, max_new_tokens=500)
    assert (done.completion_tokens, done.finish_reason) == (room, FinishReason.LENGTH)


def test_a_stop_string_ends_the_answer_before_it(engine):
    """Also one that begins and ends inside tokens."""
    whole, _ = run(engine, max_new_tokens=20)
    for start, length in [(0, 1), (3, 1), (2, 4), (5, 6)]:
        stop = whole[start : start + length]
        assert len(stop) == length
        text, done = run(engine, max_new_tokens=20, stop_strings=(stop,))
        assert text == whole[: whole.index(stop)]
        assert done.finish_reason is FinishReason.STOP
        needed = engine.tokenizer.encode(whole[: whole.index(stop) + length])
        assert done.completion_tokens <= len(needed)


def test_a_chinese_stop_string_of_many_tokens():
    """Every token is a byte here."""
    engine = tiny_engine(reciting("白髮。"))
    assert run(engine, max_new_tokens=25)[0].startswith("白髮。白髮。白髮")
    text, done = run(engine, max_new_tokens=25, stop_strings=("髮。白",))
    assert (text, done.finish_reason) == ("白", FinishReason.STOP)
    assert done.completion_tokens == len("白髮。白".encode())


def test_a_stop_string_that_never_comes_loses_no_text(engine):
    whole, _ = run(engine, max_new_tokens=20)
    assert run(engine, max_new_tokens=20, stop_strings=(whole[-4:] + "!!",))[0] == whole


def test_wrong_combinations_never_reach_the_model(engine):
    with pytest.raises(UsageError, match="temperature"):
        next(engine.generate(SHORT, Decoding(temperature=0.5), never_cancel))


# --- when memory runs out ---


def run_out_of_memory(model, calls):
    """Let forward passes of the given numbers ask for more memory than there is."""
    number = itertools.count(1)

    def greedy(*_):
        if next(number) in calls:
            torch.empty(2**50, dtype=torch.uint8)

    return model.model.layers[1].register_forward_hook(greedy)


@pytest.mark.parametrize("at", [1, 2, 9])
@pytest.mark.parametrize(
    "values",
    [{}, {"penalty_alpha": 0.6, "top_k": 4}, {"num_beams": 3},
     {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5}],
    ids=["greedy", "contrastive", "beam", "diverse beam"],
)  # fmt: skip
def test_running_out_of_memory_once_changes_nothing(at, values, caplog):
    model = tiny_llama()
    expected, _ = run(tiny_engine(model), max_new_tokens=20, **values)
    engine = tiny_engine(model)
    hook = run_out_of_memory(model, {at})
    text, done = run(engine, max_new_tokens=20, **values)
    hook.remove()
    assert text == expected
    assert done.finish_reason is not FinishReason.CANCELLED
    assert "memory" in caplog.text


def test_before_the_second_try_earlier_conversations_are_dropped():
    model = tiny_llama()
    engine = tiny_engine(model)
    run(engine, SHORT)
    hook = run_out_of_memory(model, {1})
    run(engine, COUNT)
    hook.remove()
    assert run(engine, SHORT)[1].cached_tokens < 10  # no more than the new conversation shares


def test_running_out_of_memory_twice_is_an_engine_error_and_the_engine_goes_on():
    model = tiny_llama()
    engine = tiny_engine(model)
    expected, _ = run(engine, max_new_tokens=20)
    hook = run_out_of_memory(model, {4, 5})
    with pytest.raises(EngineError, match="memory ran out") as error:
        run(engine, max_new_tokens=20)
    hook.remove()
    assert "smaller model" in error.value.fix
    assert run(engine, max_new_tokens=20)[0] == expected


# --- loading ---


@pytest.fixture
def folder(models_dir, tmp_path):
    """A copy of the model's folder that may be harmed; the weights are linked."""
    copy = tmp_path / "model"
    copy.mkdir()
    for file in (models_dir / SMOLLM2).iterdir():
        if file.suffix == ".safetensors":
            (copy / file.name).symlink_to(file)
        elif file.is_file():
            shutil.copy(file, copy)
    return copy


def test_a_base_model_without_chat_template_is_refused(folder):
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        TorchEngine.load(folder, "base", ChatOptions())


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 64, b"\x10\0\0\0\0\0\0\0{not json"], ids=["empty", "zeros", "junk"]
)
def test_harmed_weights_are_a_model_error(folder, content):
    weights = folder / "model.safetensors"
    weights.unlink()
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="ragapp models pull"):
        TorchEngine.load(folder, SMOLLM2, ChatOptions())


def test_weights_cut_short_are_a_model_error(folder, models_dir):
    weights = folder / "model.safetensors"
    weights.unlink()
    with (models_dir / SMOLLM2 / "model.safetensors").open("rb") as whole:
        weights.write_bytes(whole.read(1_000_000))
    with pytest.raises(ModelError):
        TorchEngine.load(folder, SMOLLM2, ChatOptions())


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError):
        TorchEngine.load(tmp_path, "nothing", ChatOptions())


def test_the_context_is_what_is_asked_for_within_what_the_model_has(folder):
    declared = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
    for asked, used in ((512, 512), (0, min(declared, 8192)), (10**6, declared)):
        options = ChatOptions(context_tokens=asked)
        assert TorchEngine.load(folder, "a", options).context_tokens == used


def test_an_error_that_already_says_what_to_do_is_passed_on_as_it_is():
    """A weight file cut short while layers are streamed, for example."""
    engine = tiny_engine()
    cut_short = ModelError("running_weights_cut_short", file="model.safetensors")

    def fail(*_):
        raise cut_short

    engine._model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(ModelError) as raised:
        list(engine.generate(COUNT, Decoding(max_new_tokens=2), never_cancel))
    assert raised.value is cut_short
