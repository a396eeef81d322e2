"""Which FAISS index for how many passages: recall, time, room and building, as one JSON object.

    python benchmarks/index_types.py FOLDER... [--rows 10000 100000 1000000] [--sample FILE]

Passages and questions are those of ``real_passages``; beyond as many as there are, rows are made of
them.

recall: share of the index's ten best that score no less than the tenth best of all: of passages
that come twice, either will do. ms: one question on one thread, depth 200 as a search asks, medians
and 95th percentiles, the types taking turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_passages import Vectors, grown, sample_of

from ragapp.index.local import dense
from ragapp.retrieval.fuse import CANDIDATES

SAME = 1e-4
"""Scores are the same that differ by so little."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--sample", type=Path, help="kept for next time")
    parser.add_argument("--graph-up-to", type=int, default=1_000_000, help="HNSW takes long")
    options = parser.parse_args()
    sample = sample_of(options.folders, options.pieces, options.sample)
    real, questions = sample.vectors, sample.question_vectors
    report: dict[str, Any] = {"real rows": len(real), "questions": len(questions)}
    for rows in options.rows:
        report[str(rows)] = compare(grown(real, rows), questions, rows <= options.graph_up_to)
        print(json.dumps({str(rows): report[str(rows)]}), flush=True)
    print(json.dumps(report, indent=1))


# --- index types ---


def compare(vectors: Vectors, questions: Vectors, graph: bool) -> dict[str, dict[str, float]]:
    import faiss

    built, reports = {}, {}
    for name, make in kinds(vectors, graph).items():
        began = time.perf_counter()
        index = make()
        reports[name] = {"build s": round(time.perf_counter() - began, 1)}
        built[name] = index
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    searches = searches_of(built)
    found = {name: [] for name in searches}
    times = {name: [] for name in searches}
    for question in questions:
        for name, search in searches.items():
            began = time.perf_counter()
            rows = search(question)
            times[name].append(1000 * (time.perf_counter() - began))
            found[name].append(vectors[rows[:10]] @ question)
    faiss.omp_set_num_threads(threads)
    exact = found["flat float32"]
    return {
        name: {
            "recall@10": round(
                statistics.mean(
                    float((of_one >= best[-1] - SAME).mean())
                    for of_one, best in zip(of, exact, strict=True)
                ),
                4,
            ),
            "ms p50": round(statistics.median(times[name]), 2),
            "ms p95": round(statistics.quantiles(times[name], n=20)[-1], 2),
            **reports.get(name, reports.get(name.split(",")[0], {})),
            "MB": round(size_of(built[name.split(",")[0]]) / 1e6),
        }
        for name, of in found.items()
    }


def kinds(vectors: Vectors, graph: bool) -> dict[str, Callable[[], Any]]:
    import faiss

    dimension, ip = vectors.shape[1], faiss.METRIC_INNER_PRODUCT
    sq = faiss.ScalarQuantizer

    def filled(index: Any) -> Any:
        index.train(vectors[:: max(1, len(vectors) // 100_000)])
        index.add(vectors)
        return index

    lists = round(len(vectors) ** 0.5)
    made = {
        "flat float32": lambda: filled(faiss.IndexFlatIP(dimension)),
        "flat float16": lambda: filled(faiss.IndexScalarQuantizer(dimension, sq.QT_fp16, ip)),
        "flat int8": lambda: filled(faiss.IndexScalarQuantizer(dimension, sq.QT_8bit, ip)),
        "lists float16": lambda: filled(
            faiss.IndexIVFScalarQuantizer(
                faiss.IndexFlatIP(dimension), dimension, lists, sq.QT_fp16, ip, False
            )
        ),
        "ours": lambda: [
            dense.build(vectors[start : start + dense.EXACT_BELOW])
            for start in range(0, len(vectors), dense.EXACT_BELOW)
        ],
    }
    if graph:
        made["graph int8"] = lambda: filled(faiss.IndexHNSWSQ(dimension, sq.QT_8bit, 16, ip))
    return made


def searches_of(built: dict[str, Any]) -> dict[str, Callable[[Vectors], NDArray[np.int64]]]:
    import faiss

    def plain(index: Any, parameters: Any = None) -> Callable[[Vectors], NDArray[np.int64]]:
        return lambda question: index.search(question[None], CANDIDATES, params=parameters)[1][0]

    def ours(question: Vectors) -> NDArray[np.int64]:
        rows, scores = [], []
        for place, part in enumerate(built["ours"]):
            found, of = dense.top(part, question, CANDIDATES, None)
            rows.append(found + place * dense.EXACT_BELOW)
            scores.append(of)
        return np.concatenate(rows)[np.argsort(-np.concatenate(scores), kind="stable")[:CANDIDATES]]

    searches = {name: plain(built[name]) for name in ("flat float32", "flat float16", "flat int8")}
    lists = built["lists float16"]
    for share in (0.02, 0.05, 0.1, 0.2):
        nprobe = max(1, round(share * lists.nlist))
        searches[f"lists float16, {share:.0%}"] = plain(
            lists, faiss.SearchParametersIVF(nprobe=nprobe)
        )
    if "graph int8" in built:
        for ef in (200, 400, 800):
            searches[f"graph int8, ef {ef}"] = plain(
                built["graph int8"], faiss.SearchParametersHNSW(efSearch=ef)
            )
    searches["ours"] = ours
    return searches


def size_of(index: Any) -> int:
    import faiss

    parts = index if isinstance(index, list) else [index]
    return sum(len(faiss.serialize_index(part)) for part in parts)


if __name__ == "__main__":
    main()
