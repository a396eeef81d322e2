"""Generation with real weights: SmolLM2-135M-Instruct."""

import json
import shutil
import threading
import time

import pytest
import torch
from fixtures import SMOLLM2

from ragapp.errors import EngineError, ModelError
from ragapp.synthesis.decoding import Decoding
from ragapp.synthesis.engine import GenerationDone, Message, TextDelta
from ragapp.synthesis.engines.torch_engine import TorchEngine
from ragapp.types import FinishReason, never_cancel

COUNT = [Message("user", "Count from 1 to 50 in words.")]
SHORT = [Message("user", "What is the capital of France? Answer in one word.")]


def run(engine, messages=COUNT, cancel=never_cancel, **decoding):
    decoding = {"max_new_tokens": 6} | decoding
    events = list(engine.generate(messages, Decoding(**decoding), cancel))
    assert isinstance(events[-1], GenerationDone)
    assert all(isinstance(event, TextDelta) for event in events[:-1])
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
        if isinstance(event, TextDelta):
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
        TorchEngine.load(folder, name="base")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 64, b"\x10\0\0\0\0\0\0\0{not json"], ids=["empty", "zeros", "junk"]
)
def test_harmed_weights_are_a_model_error(folder, content):
    weights = folder / "model.safetensors"
    weights.unlink()
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="ragapp models pull"):
        TorchEngine.load(folder, name=SMOLLM2)


def test_weights_cut_short_are_a_model_error(folder, models_dir):
    weights = folder / "model.safetensors"
    weights.unlink()
    with (models_dir / SMOLLM2 / "model.safetensors").open("rb") as whole:
        weights.write_bytes(whole.read(1_000_000))
    with pytest.raises(ModelError):
        TorchEngine.load(folder, name=SMOLLM2)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError):
        TorchEngine.load(tmp_path, name="nothing")


def test_the_context_is_what_is_asked_for_within_what_the_model_has(folder):
    declared = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
    assert TorchEngine.load(folder, name="a", context_tokens=512).context_tokens == 512
    assert TorchEngine.load(folder, name="a").context_tokens == min(declared, 8192)
    assert TorchEngine.load(folder, name="a", context_tokens=10**6).context_tokens == declared
