"""What a knowledge base of a size costs, from 10,000 to 1,000,000 passages, as one JSON object.

    python benchmarks/scale.py FOLDER... --sample FILE [--chunks 10000 100000] [--plot SVG]

Passages and questions are those of ``real_passages``: texts come again, in another order, when
there are more passages than texts, so that each term is as frequent as in real ones; vectors do not
come again. Each step runs in a process of its own, and all go through the real writer and search:

fill: passages stored and published at one go, with the fit of the vector space; peak: its memory.
open: from a base on disk to its first hits, without the models. search: a question's vector to
hits, with their texts read and sentences scored; memory: when 200 have been asked. add: 1,000 more
passages stored and published, in a process without and in one with the base in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_passages import Sample, grown, sample_of

from ragapp.embedding.space import VectorSpace
from ragapp.embedding.whiten import BackgroundStatistics, moments
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.recipe import Recipe
from ragapp.index.rows import NewChunk
from ragapp.retrieval.query import Query
from ragapp.retrieval.rerank import SentenceReranker
from ragapp.retrieval.search import search
from ragapp.text.language import Language, language_of, languages_of
from ragapp.text.sentences import sentence_spans
from ragapp.types import Chunk, Document, Span

CHUNKS_A_DOCUMENT = 20
ADDED = 1000
HITS = 10
COLUMNS = ("search p50 ms", "search p95 ms", "memory MB", "open s", "add 1,000 s", "disk MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    sizes = [10_000, 30_000, 100_000, 300_000, 1_000_000]
    parser.add_argument("--chunks", type=int, nargs="+", default=sizes)
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--sample", type=Path, required=True, help="kept for next time")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--kb", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        sample = sample_of([], 0, options.sample)
        print(json.dumps(STEPS[options.step](options.kb, sample, options.chunks[0])))
        return
    sample_of(options.folders, options.pieces, options.sample)
    report = {}
    for chunks in options.chunks:
        with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
            report[chunks] = steps_of(chunks, Path(home) / "kb", options.sample)
        print(json.dumps({chunks: report[chunks]}), file=sys.stderr, flush=True)
    print(json.dumps(report, indent=1))
    if options.plot:
        options.plot.write_text(plot(report), "utf-8")


def steps_of(chunks: int, kb: Path, sample: Path) -> dict[str, float]:
    """Run all steps for one size, each in a process of its own."""
    report: dict[str, float] = {}
    for step in STEPS:
        command = [sys.executable, __file__, "--step", step, "--kb", str(kb)]
        command += ["--chunks", str(chunks), "--sample", str(sample)]
        report |= json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    report["disk MB"] = sum(f.stat().st_size for f in kb.rglob("*") if f.is_file()) // 10**6
    return report


def fill(kb: Path, sample: Sample, chunks: int) -> dict[str, float]:
    base = KnowledgeBase.create(kb, recipe(sample))
    began = time.perf_counter()
    with base.writer() as writer:
        for document, new in documents(sample, 0, chunks):
            writer.add(document, new)
        stored = time.perf_counter()
        before = peak_mb()
        writer.publish(space(sample))
    published = time.perf_counter()
    return {
        "store s": round(stored - began, 1),
        "publish all s": round(published - stored, 1),
        "peak while storing MB": before,
        "peak MB": peak_mb(),
    }


def ask(kb: Path, sample: Sample, chunks: int) -> dict[str, float]:
    within, reranker = space(sample), SentenceReranker()
    questions = [
        Query(text, vector, language_of(text))
        for text, vector in zip(sample.questions, sample.question_vectors, strict=True)
    ]
    began = time.perf_counter()
    base = KnowledgeBase.open(kb)
    search(questions[0], base, within, reranker, HITS)
    opened = time.perf_counter() - began
    times = []
    for question in questions:
        began = time.perf_counter()
        found = search(question, base, within, reranker, HITS)
        times.append(1000 * (time.perf_counter() - began))
        if not found.hits:
            raise AssertionError("nothing was found")
    return {
        "open s": round(opened, 2),
        "search p50 ms": round(statistics.median(times), 1),
        "search p95 ms": round(statistics.quantiles(times, n=20)[-1], 1),
        "memory MB": resident_mb(),
    }


def add(kb: Path, sample: Sample, chunks: int) -> dict[str, float]:
    return {"add 1,000 s": add_to(KnowledgeBase.open(kb), sample, chunks)}


def add_while_serving(kb: Path, sample: Sample, chunks: int) -> dict[str, float]:
    base = KnowledgeBase.open(kb)
    base.snapshot(space(sample))
    seconds = add_to(base, sample, chunks + ADDED)
    return {"add 1,000 while serving s": seconds, "peak while serving MB": peak_mb()}


STEPS = {"fill": fill, "ask": ask, "add": add, "serve": add_while_serving}


def add_to(base: KnowledgeBase, sample: Sample, start: int) -> float:
    new = list(documents(sample, start, ADDED))
    began = time.perf_counter()
    with base.writer() as writer:
        for document, chunks in new:
            writer.add(document, chunks)
        writer.publish(space(sample))
    return round(time.perf_counter() - began, 2)


def documents(sample: Sample, start: int, count: int) -> Iterator[tuple[Document, list[NewChunk]]]:
    """Make documents of passages ``start`` to ``start + count``; a vector is never made twice."""
    block = 20_000
    for first in range(start, start + count, block):
        size = min(block, start + count - first)
        vectors = rows(sample, first, size)
        order = np.random.default_rng(first // len(sample.texts)).permutation(len(sample.texts))
        for place in range(0, size, CHUNKS_A_DOCUMENT):
            many = range(place, min(size, place + CHUNKS_A_DOCUMENT))
            texts = [sample.texts[order[(first + i) % len(order)]] for i in many]
            yield document(f"/{first + place}.txt", texts, vectors[place : place + len(texts)])


def rows(sample: Sample, first: int, size: int) -> np.ndarray:
    end = first + size
    if end <= len(sample.vectors):
        return sample.vectors[first:end]
    made = grown(sample.vectors, len(sample.vectors) + size, seed=first)
    return made[len(sample.vectors) :]


def document(path: str, texts: list[str], vectors: np.ndarray) -> tuple[Document, list[NewChunk]]:
    whole = "\n".join(texts)
    digest = hashlib.sha256((path + whole).encode()).hexdigest()
    new, start = [], 0
    for text, vector in zip(texts, vectors, strict=True):
        spans = tuple(Span(start + s.start, start + s.end) for s in sentence_spans(text))
        chunk = Chunk(text, start, start + len(text), None, (), spans)
        new.append(NewChunk(chunk, "", vector, np.repeat(vector[None], len(spans), axis=0)))
        start += len(text) + 1
    return Document(path[1:], path, digest, "text/plain", whole), new


def space(sample: Sample) -> VectorSpace:
    some = sample.vectors[:2000]
    part = moments(some, languages_of(sample.texts[:2000]), some.shape[1])
    means = dict.fromkeys(Language, some.mean(axis=0))
    return VectorSpace(some.shape[1], BackgroundStatistics(means, part, part), 0.2)


def recipe(sample: Sample) -> Recipe:
    return Recipe(
        embedder="real", embedder_fingerprint="0", pooling="mean",
        dimension=sample.vectors.shape[1], query_prefix="", passage_prefix="", whitening=True,
        whitening_exponent=0.2, whitening_dimensions=0, whitening_shared_mean=False,
        chunk_tokens=320, background_version=1,
    )  # fmt: skip


def resident_mb() -> int:
    return memory_mb("VmRSS")


def peak_mb() -> int:
    return memory_mb("VmHWM")


def memory_mb(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) // 1000
    raise LookupError(key)


def plot(report: dict[int, dict[str, Any]]) -> str:
    """Draw the columns over the number of passages, one small picture each, as SVG."""
    width, height, edge = 220, 150, 34
    sizes = sorted(report)
    low, high = np.log10(sizes[0]), np.log10(sizes[-1])
    pictures = []
    for number, column in enumerate(COLUMNS):
        values = [report[size][column] for size in sizes]
        most = max(values) * 1.15 or 1
        x0, y0 = (number % 3) * (width + 20), (number // 3) * (height + 20)
        points = [
            (
                x0 + edge + (width - edge - 12) * (np.log10(size) - low) / max(high - low, 1e-9),
                y0 + height - 22 - (height - 50) * value / most,
                size, value,
            )
            for size, value in zip(sizes, values, strict=True)
        ]  # fmt: skip
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y, _, _ in points)
        pictures.append(
            f'<text x="{x0 + edge}" y="{y0 + 14}" font-weight="bold">{column}</text>'
            f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>'
            f'<line x1="{x0 + edge}" y1="{y0 + height - 22}" x2="{x0 + width}"'
            f' y2="{y0 + height - 22}" stroke="#999"/>'
        )
        pictures += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#2563eb"/>'
            f'<text x="{x:.0f}" y="{y - 7:.0f}" text-anchor="middle">{value:g}</text>'
            f'<text x="{x:.0f}" y="{y0 + height - 8}" text-anchor="middle">{short(size)}</text>'
            for x, y, size, value in points
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * width + 60} {2 * height + 30}"'
        ' font-family="sans-serif" font-size="10" fill="#111">'
        '<rect width="100%" height="100%" fill="#fff"/>' + "".join(pictures) + "</svg>\n"
    )


def short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"


if __name__ == "__main__":
    main()
