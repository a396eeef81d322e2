"""What publishing a change costs, by the size of the knowledge base, as one JSON object.

    python benchmarks/publish.py [--chunks 1000 10000 100000] [--repeats 21]

Synthetic chunks go through the real writer: random 384-dimensional vectors, and words drawn from a
Zipf distribution. CPU seconds of this process and its children, medians over the repeats, for which
the sizes take turns:

add, delete: one more document of one chunk; and one such document removed again. ``cli``: nothing
of the base is in memory, as in a run of `ragapp ingest`. ``serving``: it is, and the new generation
is ready for questions at the end.
worst: the dearest of all those publishes: one that merged segments.
fill: the publish that brings in the whole base, with fitting its vector space: what a publish costs
that fits it anew, once for every half by which a base has grown.
candidates: both lists for a question, in ms. open: the first question of a process, in seconds.

No model is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragapp.embedding.space import VectorSpace
from ragapp.embedding.whiten import BackgroundStatistics, moments, unit
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.recipe import Recipe
from ragapp.index.rows import NewChunk
from ragapp.retrieval.fuse import CANDIDATES
from ragapp.text.language import Language
from ragapp.types import Chunk, Document, Span

DIMENSION = 384
WORDS = 120
QUESTION_WORDS = 8
VOCABULARY = 30_000
CHUNKS_A_DOCUMENT = 100
RECIPE = Recipe(
    embedder="random", embedder_fingerprint="0", pooling="mean", dimension=DIMENSION,
    query_prefix="", passage_prefix="", whitening=True, whitening_exponent=0.2,
    whitening_dimensions=0, whitening_shared_mean=False, chunk_tokens=320, background_version=1,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=21)
    options = parser.parse_args()
    report: dict[str, object] = {
        "dimension": DIMENSION,
        "repeats": options.repeats,
        "unit": "s CPU",
    }
    made = Synthetic()
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        kbs = {
            str(chunks): KnowledgeBase.create(Path(home) / str(chunks), RECIPE)
            for chunks in options.chunks
        }
        report |= measure(kbs, options.repeats, made)
    first, last = (report[str(n)] for n in (options.chunks[0], options.chunks[-1]))
    report["last to first"] = {
        key: round(last[key] / first[key], 2) for key in first if key.startswith(("cli", "serving"))
    }
    print(json.dumps(report, indent=1))


class Synthetic:
    """Documents of random words and vectors, and a space to compare them in."""

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)
        self._words = np.array([f"word{n}x" for n in range(VOCABULARY)])
        shares = 1 / np.arange(1, VOCABULARY + 1)
        self._shares = shares / shares.sum()
        self._number = 0
        vectors = self.vectors(500)
        part = moments(vectors, [Language.ENGLISH, Language.CHINESE] * 250, DIMENSION)
        means = dict.fromkeys(Language, vectors.mean(axis=0))
        self.space = VectorSpace(DIMENSION, BackgroundStatistics(means, part, part), 0.2)

    def vectors(self, count: int) -> NDArray[np.float32]:
        return unit(self._generator.normal(size=(count, DIMENSION)) + 0.1)

    def text(self, words: int = WORDS) -> str:
        return " ".join(self._generator.choice(self._words, words, p=self._shares))

    def document(self, chunks: int) -> tuple[Document, list[NewChunk]]:
        texts = [self.text() for _ in range(chunks)]
        whole = "\n".join(texts)
        path = f"/{self._number}.txt"
        self._number += 1
        digest = hashlib.sha256(whole.encode()).hexdigest()
        new, start = [], 0
        for text, vector in zip(texts, self.vectors(chunks), strict=True):
            end = start + len(text)
            chunk = Chunk(text, start, end, None, (), (Span(start, end),))
            new.append(NewChunk(chunk, "", vector, vector[None]))
            start = end + 1
        return Document(path[1:], path, digest, "text/plain", whole), new


def measure(
    kbs: dict[str, KnowledgeBase], repeats: int, made: Synthetic
) -> dict[str, dict[str, float]]:
    """Fill each knowledge base, named by its size, then change all of them in turns."""
    reports = {size: fill(kb, int(size), made) for size, kb in kbs.items()}
    for mode in ("cli", "serving"):
        if mode == "serving":
            for size, kb in kbs.items():
                opening = time.perf_counter()
                kb.snapshot(made.space)
                reports[size]["open"] = time.perf_counter() - opening
        turns = list(zip(*(changes(kb, made, repeats) for kb in kbs.values()), strict=True))
        for report, costs in zip(reports.values(), zip(*turns, strict=True), strict=True):
            report[f"{mode} add"] = statistics.median(add for add, _ in costs)
            report[f"{mode} delete"] = statistics.median(delete for _, delete in costs)
            dearest = max(seconds for pair in costs for seconds in pair)
            report["worst"] = max(report.get("worst", 0.0), dearest)
    for size, kb in kbs.items():
        reports[size]["candidates ms"] = candidates_ms(kb, repeats, made)
    return {
        size: {key: round(value, 4) for key, value in report.items()}
        for size, report in reports.items()
    }


def fill(kb: KnowledgeBase, chunks: int, made: Synthetic) -> dict[str, float]:
    started = cpu_s()
    with kb.writer() as writer:
        for _ in range(chunks // CHUNKS_A_DOCUMENT):
            writer.add(*made.document(CHUNKS_A_DOCUMENT))
        stored = cpu_s()
        writer.publish(made.space)
    return {"store": stored - started, "fill": cpu_s() - stored}


def candidates_ms(kb: KnowledgeBase, repeats: int, made: Synthetic) -> float:
    index, times = kb.snapshot(made.space).index, []
    for vector in made.vectors(repeats):
        text = made.text(QUESTION_WORDS)
        began = time.perf_counter()
        index.candidates(vector, text, CANDIDATES)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def changes(kb: KnowledgeBase, made: Synthetic, repeats: int) -> Iterator[tuple[float, float]]:
    """Add a document of one chunk and delete one, again and again; yield the cost of each.

    Where the knowledge base has a generation in memory, the new one is there at the end, too.
    """
    for _ in range(repeats):
        document, new = made.document(1)
        other, other_new = made.document(1)
        with kb.writer() as writer:
            writer.add(other, other_new)
            writer.publish(made.space)
        began = cpu_s()
        with kb.writer() as writer:
            writer.add(document, new)
            writer.publish(made.space)
        added = cpu_s()
        with kb.writer() as writer:
            writer.remove(writer.find(path=other.path)[0].id)
            writer.publish(made.space)
        yield added - began, cpu_s() - added


def cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
