"""What a conversation has computed is computed once, and nothing changes by it."""

import pytest
import torch
from tiny_model import tiny_engine, tiny_llama
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Message
from ragapp.llm.torch.prefix_cache import PrefixCache, reusable
from ragapp.types import never_cancel

GREEDY = Decoding(max_new_tokens=20)


def cache_of(ids, layers=2):
    """A cache whose keys are the ids themselves."""
    cache = DynamicCache()
    states = torch.tensor(ids, dtype=torch.float32)[None, None, :, None]
    for layer in range(layers):
        cache.update(states, states, layer)
    return cache


def held(cache):
    return [layer.keys.flatten().int().tolist() for layer in cache.layers]


@pytest.fixture
def prefixes():
    return PrefixCache()


def keep(prefixes, ids):
    prefixes.keep(ids, cache_of(ids))


# --- the store ---


def test_a_conversation_that_goes_on_is_handed_over(prefixes):
    keep(prefixes, [1, 2, 3])
    cache, length = prefixes.take([1, 2, 3, 4, 5])
    assert (held(cache), length) == ([[1, 2, 3]] * 2, 3)
    assert len(prefixes) == 0


def test_the_last_token_of_a_prompt_is_left_to_compute(prefixes):
    keep(prefixes, [1, 2, 3])
    cache, length = prefixes.take([1, 2, 3])
    assert (held(cache), length) == ([[1, 2]] * 2, 2)


def test_what_differs_is_cut_off(prefixes):
    keep(prefixes, [1, 2, 3, 9])
    cache, length = prefixes.take([1, 2, 3, 4, 5])
    assert (held(cache), length) == ([[1, 2, 3]] * 2, 3)


def test_of_another_conversation_the_common_part_is_copied_and_it_stays_whole(prefixes):
    other = [1, 2, 7, 7, 7, 7]
    keep(prefixes, other)
    cache, length = prefixes.take([1, 2, 3])
    assert (held(cache), length) == ([[1, 2]] * 2, 2)
    cache.update(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), 0)
    assert held(prefixes.take([*other, 8])[0]) == [other] * 2


def test_the_longest_common_beginning_wins(prefixes):
    for ids in ([1, 2], [1, 2, 3, 4], [1, 2, 3, 9]):
        keep(prefixes, ids)
    assert prefixes.take([1, 2, 3, 4, 5])[1] == 4


@pytest.mark.parametrize("prompt", [[2, 1], [1], []])
def test_nothing_in_common(prefixes, prompt):
    keep(prefixes, [1, 2, 3])
    assert prefixes.take(prompt) is None
    assert len(prefixes) == 1


def test_ids_that_the_cache_does_not_have_are_left_out(prefixes):
    """The last token of an answer was chosen and never read."""
    prefixes.keep([1, 2, 3, 4], cache_of([1, 2, 3]))
    assert prefixes.take([1, 2, 3, 4, 5])[1] == 3


def test_the_oldest_goes_when_there_are_too_many():
    prefixes = PrefixCache(kept_conversations=2)
    for first in (1, 2, 3):
        keep(prefixes, [first, 0])
    assert prefixes.take([1, 0, 5]) is None
    assert prefixes.take([2, 0, 5])[1] == prefixes.take([3, 0, 5])[1] == 2


def test_the_oldest_goes_when_they_take_too_much_memory():
    tokens = 2 * 2 * 4  # bytes: layers, keys and values, float32
    prefixes = PrefixCache(kept_bytes=100 * tokens)
    keep(prefixes, [1] * 60)
    keep(prefixes, [2] * 40)
    assert prefixes.size == 100 * tokens
    keep(prefixes, [3] * 1)
    assert prefixes.size == 41 * tokens
    keep(prefixes, [4] * 101)
    assert len(prefixes) == 0


def test_only_caches_that_can_be_cut_back_are_reused():
    assert reusable(DynamicCache(config=tiny_llama().config))
    assert not reusable(DynamicCache(config=sliding_window().config))


# --- in the engine ---


def sliding_window():
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=257, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, use_sliding_window=True, sliding_window=8,
        max_window_layers=1, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).eval()


def answer(engine, messages, decoding=GREEDY, cancel=never_cancel):
    *texts, done = engine.generate(messages, decoding, cancel)
    assert isinstance(done, Done)
    return "".join(piece.text for piece in texts), done


def lengths_read(model):
    """Record how many tokens each forward pass reads."""
    lengths = []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: lengths.append(kwargs["input_ids"].shape[-1]), with_kwargs=True
    )
    return lengths


def conversation(engine, turns, decoding=GREEDY):
    messages, answers = [Message("system", "You answer.")], []
    for question in turns:
        messages.append(Message("user", question))
        text, done = answer(engine, messages, decoding)
        messages.append(Message("assistant", text))
        answers.append((text, done))
    return answers


TURNS = ["What is whitening?", "And why?", "白化有什么用？", "Thanks."]


def test_answers_are_the_same_with_and_without_what_is_kept():
    model = tiny_llama()
    kept = conversation(tiny_engine(model), TURNS)
    messages = [Message("system", "You answer.")]
    for question, (text, done) in zip(TURNS, kept, strict=True):
        messages.append(Message("user", question))
        alone, alone_done = answer(tiny_engine(model), messages)
        assert text == alone
        assert alone_done.cached_tokens == 0
        assert done.prompt_tokens == alone_done.prompt_tokens
        messages.append(Message("assistant", text))
    assert [done.cached_tokens > 0 for _, done in kept] == [False, True, True, True]


def test_a_second_turn_reads_only_what_is_new():
    engine = tiny_engine()
    messages = [Message("user", "What is whitening?")]
    prompt = engine.tokenizer.prompt_ids(messages)
    answer(engine, messages)
    lengths = lengths_read(engine._model)
    _, done = answer(engine, [*messages, Message("assistant", "other"), Message("user", "Why?")])
    assert done.cached_tokens == len(prompt)
    assert lengths == [done.prompt_tokens - done.cached_tokens] + [1] * 19


def test_an_answer_that_goes_into_the_history_as_it_was_is_not_read_again(engine):
    """SmolLM2; all but the last token of the answer, which was chosen and never read."""
    messages = [Message("user", "What is the capital of France?")]
    text, first = answer(engine, messages, Decoding(max_new_tokens=40))
    messages += [Message("assistant", text), Message("user", "And of Italy?")]
    _, second = answer(engine, messages, Decoding(max_new_tokens=4))
    assert second.cached_tokens >= first.prompt_tokens + first.completion_tokens - 1


def test_the_same_question_again_reads_one_token():
    engine = tiny_engine()
    messages = [Message("user", "What is whitening?")]
    first, _ = answer(engine, messages)
    lengths = lengths_read(engine._model)
    again, done = answer(engine, messages)
    assert (again, lengths[0]) == (first, 1)
    assert done.cached_tokens == done.prompt_tokens - 1


def test_two_conversations_in_turn_keep_each_their_own():
    engine = tiny_engine()
    one, other = [Message("user", "A" * 60)], [Message("user", "B" * 60)]
    for messages in (one, other, one, other):
        _, done = answer(engine, messages)
        messages += [Message("assistant", "x"), Message("user", "more")]
    assert done.cached_tokens > 60


def test_a_cancelled_answer_leaves_a_cache_that_can_be_used():
    engine, messages = tiny_engine(), [Message("user", "What is whitening?")]
    seen = []

    def cancel():
        seen.append(None)
        return len(seen) > 6

    _, done = answer(engine, messages, cancel=cancel)
    assert 1 <= done.completion_tokens <= 7
    expected, _ = answer(tiny_engine(), messages)
    text, done = answer(engine, messages)
    assert (text, done.cached_tokens) == (expected, done.prompt_tokens - 1)


def test_sampling_reuses_and_draws_the_same():
    decoding = Decoding(max_new_tokens=20, do_sample=True, seed=3)
    model = tiny_llama()
    fresh, _ = answer(tiny_engine(model), [Message("user", "Hello?")], decoding)
    engine = tiny_engine(model)
    answer(engine, [Message("user", "Hello?")], decoding)
    text, done = answer(engine, [Message("user", "Hello?")], decoding)
    assert (text, done.cached_tokens > 0) == (fresh, True)


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(max_new_tokens=8, num_beams=3),
        Decoding(max_new_tokens=8, num_beams=4, num_beam_groups=2, diversity_penalty=0.5),
        Decoding(max_new_tokens=8, penalty_alpha=0.6, top_k=4),
    ],
    ids=["beam", "diverse beam", "contrastive"],
)
def test_searches_over_several_texts_neither_use_nor_leave_caches(decoding):
    engine, messages = tiny_engine(), [Message("user", "Hello?")]
    assert answer(engine, messages, decoding)[1].cached_tokens == 0
    answer(engine, messages)
    assert answer(engine, messages, decoding)[1].cached_tokens == 0


def test_a_model_with_sliding_windows_answers_without_reuse():
    model, messages = sliding_window(), [Message("user", "Hello?")]
    first, _ = answer(tiny_engine(model), messages)
    engine = tiny_engine(model)
    answer(engine, messages)
    text, done = answer(engine, messages)
    assert (text, done.cached_tokens) == (first, 0)
