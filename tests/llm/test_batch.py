"""A batch is asked all at once, and each prompt has its own outcome."""

import time

import pytest
from openai_server import END, event, refusal, serving, stream

from ragapp.errors import EngineError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.endpoint.engine import EndpointEngine
from ragapp.llm.engine import Answer, Message
from ragapp.types import never_cancel

NOBODY = EndpointEngine("http://127.0.0.1:9", "any")  # the discard port
CHATS = [[Message("user", text)] for text in "abc"]


def ask(peer, cancel=never_cancel):
    return EndpointEngine(peer.url, "any").generate_batch(CHATS, Decoding(), cancel)


def test_all_prompts_are_asked_at_the_same_time():
    with serving(stream(event(content="a"), event(content="b"), END, pause_s=0.2)) as peer:
        started = time.perf_counter()
        assert ask(peer) == [Answer("ab")] * 3
        assert time.perf_counter() - started < 3 * 0.6


def test_thoughts_stay_apart_from_answers():
    with serving(stream(event(reasoning_content="hm"), event(content="42"), END)) as peer:
        assert ask(peer) == [Answer("42", "hm")] * 3


def test_a_failure_is_the_outcome_of_its_own_prompt():
    with serving(refusal(400, "no"), stream(event(content="a"), END)) as peer:
        outcomes = ask(peer)
    assert [type(outcome) for outcome in outcomes].count(EngineError) == 1
    assert outcomes.count(Answer("a")) == 2


def test_what_was_finished_before_a_stop_is_kept():
    slow = stream(*[event(content="…")] * 100, pause_s=0.05)
    with serving(stream(event(content="a"), END), slow) as peer:
        begun = time.monotonic()
        outcomes = ask(peer, cancel=lambda: time.monotonic() > begun + 1)
    assert outcomes.count(Answer("a")) == 1
    assert outcomes.count(None) == 2


def test_a_text_to_be_continued_is_refused():
    with pytest.raises(UsageError, match="--with-prompt"):
        NOBODY.generate_batch(["once"], Decoding(), never_cancel)


def test_an_empty_batch_asks_nothing():
    assert NOBODY.generate_batch([], Decoding(), never_cancel) == []
