"""What several turns and several people cost the engine, as JSON.

    python benchmarks/conversation.py [--rounds 4] [--engine auto]

Over a knowledge base made of sample_docs: how long the chat model takes to load, the time to the
first token in the first and in the fifth turn of conversations, and the tokens a second that four
people get who ask at once, against the same four questions one after the other.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from ragapp.ask import ask, prepare_next_turn
from ragapp.ingest import ingest
from ragapp.library import Library
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Message
from ragapp.people import LOCAL
from ragapp.settings import load_settings
from ragapp.types import AnswerDone, Turn, never_cancel

SAMPLE_DOCS = Path(__file__).parent.parent / "sample_docs"
CONVERSATIONS = [
    [
        "What does first-last-avg pooling average?",
        "How are padding tokens kept out of the mean?",
        "Why does whitening help sentence vectors?",
        "Which FAISS index is exact?",
        "What is a sensible chunk size?",
    ],
    [
        "白化的指数取多少检索效果最好？",
        "问题和文章要不要减去同一个平均向量？",
        "Qwen2.5 不写系统消息会怎样？",
        "ChatGLM2 的轮次编号从几开始？",
        "为什么生成文字的速度主要受内存带宽限制？",
    ],
]
STORIES = [
    "Explain in detail how a lighthouse works.",
    "Explain in detail how bread is baked.",
    "请详细介绍长城的历史。",
    "Explain in detail how a bicycle stays upright.",
]


def turns_of(questions: list[str], within, engine) -> list[float]:
    """Hold one conversation; return the seconds to the first token of each turn."""
    history: list[Turn] = []
    times = []
    for question in questions:
        events = ask(question, within, engine, history, Decoding(max_new_tokens=60))
        done = next(event for event in events if isinstance(event, AnswerDone))
        history.append(Turn(question, done.answer))
        prepare_next_turn(engine, history)  # as the page does while the answer is read
        if done.stats.prompt_tokens:
            times.append(done.stats.first_token_s)
    return times


def answer(question: str, engine, tokens: int) -> Done:
    *_, done = engine.generate(
        [Message("user", question)], Decoding(max_new_tokens=tokens), never_cancel
    )
    return done


def four_at_once(engine, salt: str, tokens: int) -> dict[str, float]:
    started = time.perf_counter()
    alone = [answer(f"{salt} {question}", engine, tokens) for question in STORIES]
    alone_s = time.perf_counter() - started
    together: list[tuple[Done, float]] = []

    def one(question: str) -> None:
        done = answer(f"{salt}! {question}", engine, tokens)
        together.append((done, time.perf_counter() - started))

    threads = [threading.Thread(target=one, args=(question,)) for question in STORIES]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together_s = time.perf_counter() - started
    rate = sum(done.completion_tokens for done, _ in together) / together_s
    alone_rate = sum(done.completion_tokens for done in alone) / alone_s
    return {
        "one_after_the_other_tokens_per_s": alone_rate,
        "four_at_once_tokens_per_s": rate,
        "ratio": rate / alone_rate,
        "slowest_first_token_s": max(done.first_token_s for done, _ in together),
        "first_finished_s": min(finished for _, finished in together),
        "last_finished_s": max(finished for _, finished in together),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, choices=range(1, 6))
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--model", default="auto")
    options = parser.parse_args()
    import torch  # noqa: F401 - what a running app has loaded already is not the model's load
    import transformers.models.auto  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        settings = dataclasses.replace(
            load_settings(), home=Path(home), engine=options.engine, chat_model=options.model
        )
        library = Library(settings)
        within = library.open_or_create("samples", LOCAL)
        ingest([SAMPLE_DOCS], within)
        before = Library(settings).models.engine()  # exports and probes, if that was never done
        answer("Hello.", before, 4)  # and is done with warming up, which must not be in the way
        del before
        started = time.perf_counter()
        engine = library.models.engine()
        load_s = time.perf_counter() - started
        # Each begins with another question, so that no first turn finds its excerpts in the cache.
        conversations = [
            turns_of(questions[first:] + questions[:first], within, engine)
            for first in range(options.rounds)
            for questions in CONVERSATIONS
        ]
        whole = [times for times in conversations if len(times) == 5]
        crowds = [four_at_once(engine, str(n), options.tokens) for n in range(options.rounds)]
    firsts = [times[0] for times in whole]
    fifths = [times[4] for times in whole]
    print(
        json.dumps(
            {
                "engine": type(engine).__name__,
                "load_s": round(load_s, 2),
                "conversations": len(whole),
                "first_turn_s": round(statistics.median(firsts), 3),
                "fifth_turn_s": round(statistics.median(fifths), 3),
                "fifth_to_first": round(
                    statistics.median(b / a for a, b in zip(firsts, fifths, strict=True)), 3
                ),
                "turns_s": [[round(t, 2) for t in times] for times in conversations],
                "four_people": {
                    key: round(statistics.median(crowd[key] for crowd in crowds), 2)
                    for key in crowds[0]
                },
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
