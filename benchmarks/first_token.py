"""From question to first token on a warm process: ragapp against the usual design, in one run.

    python benchmarks/first_token.py --home DIR [--questions 20] [--gguf FILE]

DIR holds the knowledge base that benchmarks/search_latency.py made (--home DIR there). The usual
design is given the same hits in the same time: three whole passages and the question go to
llama.cpp, in the quantisation that is quickest here. Medians and their ratio as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path

from peers.llama import MODEL, LlamaCpp, original_gguf, peer_python, quantized
from search_latency import questions_from

from ragapp.ask import ask, find
from ragapp.library import Library
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Message
from ragapp.people import LOCAL
from ragapp.settings import load_settings
from ragapp.types import AnswerDone, AnswerText

USUAL = (
    "Use the following pieces of context to answer the question at the end. If you don't know the"
    " answer, say that you don't know."
)


def first_token(question: str, within, engine) -> tuple[float, int, int | None] | None:
    """Return seconds from the question to the first text of an answer, and its prompt's length."""
    started = time.perf_counter()
    first = None
    for event in ask(question, within, engine, decoding=Decoding(max_new_tokens=8)):
        if isinstance(event, AnswerText) and first is None:
            first = time.perf_counter() - started
        if isinstance(event, AnswerDone):
            stats = event.stats
            return (
                (first, stats.prompt_tokens, stats.cached_tokens) if stats.prompt_tokens else None
            )
    raise AssertionError("no end")


def usual_design(question: str, within, tokenizer, peer: LlamaCpp) -> tuple[float, int]:
    started = time.perf_counter()
    passages = "\n\n".join(hit.text for hit in find(question, within, 3))
    ids = tokenizer.prompt_ids(
        [Message("system", USUAL), Message("user", f"{passages}\n\nQuestion: {question}")]
    )
    before = time.perf_counter() - started
    return before + peer.answer(ids, 1)["first_token_s"], len(ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--quantization", default="Q4_0")
    options = parser.parse_args()
    settings = dataclasses.replace(load_settings(), home=options.home, chat_model=MODEL)
    library = Library(settings)
    within = library.open("latency", LOCAL)
    engine = library.models.engine()
    ids = within.kb.chunk_ids()
    questions = questions_from(within, ids, 2 * options.questions)
    python = peer_python()
    gguf = options.gguf or original_gguf()
    stop = list(engine.tokenizer.terminators)
    peer = LlamaCpp(python, quantized(python, gguf, options.quantization), stop)
    first_token(questions[0], within, engine)
    ours, theirs = [], []
    for question in questions[1:]:
        if (timed := first_token(question, within, engine)) is None:
            continue  # nothing relevant found, no model asked
        ours.append(timed)
        theirs.append(usual_design(question, within, engine.tokenizer, peer))
        if len(ours) == options.questions:
            break
    peer.close()
    seconds = statistics.median(o[0] for o in ours)
    known = [o[2] for o in ours if o[2] is not None]  # not every engine tells
    usual = statistics.median(t[0] for t in theirs)
    print(
        json.dumps(
            {
                "chunks": len(ids),
                "questions": len(ours),
                "engine": type(engine).__name__,
                "first_token_s": round(seconds, 3),
                "first_token_p90_s": round(statistics.quantiles([o[0] for o in ours], n=10)[-1], 3),
                "prompt_tokens": statistics.median(o[1] for o in ours),
                "cached_tokens": statistics.median(known) if known else None,
                "usual_first_token_s": round(usual, 3),
                "usual_prompt_tokens": statistics.median(t[1] for t in theirs),
                "ratio": round(seconds / usual, 3),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
