"""Passages a second: ragapp's encoder against plain sentence-transformers float32, in one run.

    python benchmarks/embedding_speed.py [--passages 64] [--rounds 5]

The same weights, the same passages of about 350 tokens, rounds interleaved; medians and their
ratio as JSON. ragapp's side also yields the sentence vectors.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from importlib import resources

from ragapp.embedding.encode import Passage
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.settings import load_settings
from ragapp.text.sentences import sentence_spans
from ragapp.weights.pull import resolve


def passages_of(tokens: int, count: int, count_tokens) -> list[str]:
    """Join background texts to passages of about so many tokens."""
    folder = resources.files("ragapp.embedding") / "background"
    lines = [
        line
        for pair in zip(
            (folder / "passages.en.txt").read_text("utf-8").splitlines(),
            (folder / "passages.zh.txt").read_text("utf-8").splitlines(),
            strict=True,
        )
        for line in pair
    ]
    lengths = count_tokens(lines)
    passages: list[str] = []
    current: list[str] = []
    size = 0
    for line, length in zip(lines * 20, lengths * 20, strict=True):
        if size + length > tokens and current:
            passages.append(" ".join(current))
            current, size = [], 0
            if len(passages) == count:
                break
        current.append(line)
        size += length
    return passages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    settings = load_settings()
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        library = Library(settings.having(home=home))
        encoder = library.create("bench", LOCAL).encoder
        peer = SentenceTransformer(
            str(resolve(settings.embedding.embedder, settings.models)), device="cpu"
        ).float()
        texts = passages_of(options.tokens, options.passages, encoder.count_tokens)
        inputs = [Passage(text, sentences=tuple(sentence_spans(text))) for text in texts]
        mean_tokens = statistics.mean(encoder.count_tokens(texts))
        ours, theirs = [], []
        for round_number in range(options.rounds + 1):
            started = time.perf_counter()
            for _ in encoder.encode_passages(inputs):
                pass
            middle = time.perf_counter()
            peer.encode(["passage: " + text for text in texts], normalize_embeddings=True)
            ended = time.perf_counter()
            if round_number:  # the first warms up
                ours.append(len(texts) / (middle - started))
                theirs.append(len(texts) / (ended - middle))
    print(
        json.dumps(
            {
                "passages": len(texts),
                "mean_tokens": mean_tokens,
                "ragapp_passages_per_s": statistics.median(ours),
                "sentence_transformers_float32_passages_per_s": statistics.median(theirs),
                "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
