"""Time to first token and decoding speed: ragapp's engine against llama.cpp, in one run.

    python benchmarks/chat_speed.py [--rounds 4] [--gguf FILE] [--quantizations as-is,Q4_0,Q8_0]

The same weights (Qwen2.5-Coder-0.5B-Instruct), the same token ids, greedy, each prompt about
1,200 tokens of sample_docs and a question about them; rounds interleaved, medians and ratios as
JSON. Every prompt begins differently, so that no cache helps either side. llama.cpp comes from the
package index into a venv of its own in the user's cache folder, compiled there for this
processor; its other quantisations are made from the same file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from peers.llama import CONTEXT, MODEL, LlamaCpp, original_gguf, peer_python, quantized

from ragapp.library import Library
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Done, Message
from ragapp.settings import load_settings
from ragapp.synthesis.prompt import build_prompt
from ragapp.text.language import language_of
from ragapp.types import Evidence, never_cancel

ROOT = Path(__file__).parent.parent
NEW_TOKENS = 64
PROMPT_TOKENS = 1200

QUESTIONS = [
    ("faiss-indexes.txt", "When is a flat index the right choice?"),
    ("大模型对话格式.md", "Qwen2.5 不写系统消息会怎样？"),
    ("sentence-vectors-and-pooling.md", "What does first-last-avg pooling average?"),
    ("大模型对话格式.md", "用户自己打出角色标记，ChatGLM3 会上当吗？"),
    ("evaluating-rag-answers.md", "How is it measured whether an answer is grounded?"),
    ("大模型对话格式.md", "Llama 3 的回答为什么停不下来？"),
]


def evidence_from(text: str, start: int, size: int) -> tuple[Evidence, ...]:
    """Cut excerpts of about 400 characters out of a text, ``size`` characters in all."""
    cuts = range(start, min(start + size, len(text)), 400)
    return tuple(
        Evidence(number, "sample", "sample", None, (), at, at + 400, text[at : at + 400], 1.0, ())
        for number, at in enumerate(cuts, start=1)
    )


def grounded_prompt(engine, file: str, question: str, salt: str) -> list[Message]:
    """Lay out a prompt of about PROMPT_TOKENS whose first words are its own."""
    text = (ROOT / "sample_docs" / file).read_text(encoding="utf-8")
    size = 800
    while True:
        evidence = evidence_from(text * 3, 0, size)
        prompt = build_prompt(question, evidence, (), language_of(question), engine, 64)
        if prompt.tokens >= PROMPT_TOKENS:
            break
        size += 200
    first, *rest = prompt.messages
    return [Message(first.role, f"({salt}) {first.content}"), *rest]


class Ragapp:
    def __init__(self, engine) -> None:
        self.engine = engine

    def answer(self, messages: list[Message]) -> dict[str, object]:
        started = time.perf_counter()
        first = None
        text = ""
        decoding = Decoding(max_new_tokens=NEW_TOKENS)
        for event in self.engine.generate(messages, decoding, never_cancel):
            if isinstance(event, Done):
                return {
                    "first_token_s": event.first_token_s,
                    "first_text_s": first,
                    "tokens_per_s": event.tokens_per_s,
                    "tokens": event.completion_tokens,
                    "cached": event.cached_tokens,
                    "text": text,
                }
            first = first or time.perf_counter() - started
            text += event.text
        raise AssertionError("no end")


def median(rows: list[dict[str, object]], key: str) -> float:
    return round(statistics.median(r[key] for r in rows if r[key]), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--quantizations", default="as-is,Q4_0,Q8_0")
    parser.add_argument("--engine", default="openvino")
    options = parser.parse_args()

    settings = load_settings(
        {"chat_model": MODEL, "engine": options.engine, "context_tokens": CONTEXT}
    )
    python = peer_python()
    gguf = options.gguf or original_gguf()
    engine = Library(settings).models.engine()
    tokenizer = engine.tokenizer
    stop = list(tokenizer.terminators)
    ours = Ragapp(engine)
    peers = {
        kind: LlamaCpp(python, quantized(python, gguf, kind), stop)
        for kind in options.quantizations.split(",")
    }
    rows: dict[str, list[dict[str, object]]] = {"ragapp": [], **{kind: [] for kind in peers}}
    for number in range(options.rounds):
        file, question = QUESTIONS[number % len(QUESTIONS)]
        messages = grounded_prompt(engine, file, question, f"{os.getpid()}-{number}")
        ids = tokenizer.prompt_ids(messages)
        rows["ragapp"].append({**ours.answer(messages), "prompt": len(ids)})
        for kind, peer in peers.items():
            answer = peer.answer(ids, NEW_TOKENS)
            answer["text"] = tokenizer.decode(answer.pop("ids"))
            rows[kind].append(answer)
    for peer in peers.values():
        peer.close()

    figures = {
        name: {key: median(each, key) for key in ("first_token_s", "tokens_per_s")}
        for name, each in rows.items()
    }
    best_first = min(figures[kind]["first_token_s"] for kind in peers)
    best_rate = max(figures[kind]["tokens_per_s"] for kind in peers)
    print(
        json.dumps(
            {
                "medians": figures,
                "first_token_ratio": round(figures["ragapp"]["first_token_s"] / best_first, 3),
                "decode_ratio": round(figures["ragapp"]["tokens_per_s"] / best_rate, 3),
                "rounds": rows,
            },
            indent=1,
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
