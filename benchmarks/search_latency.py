"""Latency of a search on a warm process with 10,000 chunks, as JSON.

    python benchmarks/search_latency.py FOLDER... [--chunks 10000] [--home DIR]

FOLDERs are real documents, such as the HTML of Debian's debian-handbook, python3-doc and
linux-doc packages. They are ingested until there are so many chunks (embedding 10,000 chunks takes
some 12 minutes on 2 cores); with --home the knowledge base is kept for next time. Questions are
sentences of the documents themselves, turned into queries by dropping every third word.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from ragapp.ask import find
from ragapp.documents.discover import discover
from ragapp.ingest import ingest
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.settings import load_settings

BATCH = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as temporary:
        home = options.home or Path(temporary)
        library = Library(load_settings().having(home=home))
        within = library.open_or_create("latency", LOCAL)
        files = list(discover(options.folders).files)
        random.Random(0).shuffle(files)
        started = time.perf_counter()
        for first in range(0, len(files), BATCH):
            if sum(d.chunks for d in within.kb.documents()) >= options.chunks:
                break
            ingest(files[first : first + BATCH], within)
        ingest_s = time.perf_counter() - started
        ids = within.kb.chunk_ids()
        queries = questions_from(within, ids, options.questions)
        find(queries[0], within, 10)
        times = []
        for query in queries:
            started = time.perf_counter()
            find(query, within, 10)
            times.append(1000 * (time.perf_counter() - started))
        print(
            json.dumps(
                {
                    "chunks": len(ids),
                    "ingest_s": ingest_s,
                    "queries": len(times),
                    "p50_ms": statistics.median(times),
                    "p95_ms": statistics.quantiles(times, n=20)[-1],
                },
                indent=1,
            )
        )


def questions_from(within, ids: list[int], count: int) -> list[str]:
    picked = random.Random(1).sample(ids, min(count, len(ids)))
    queries = []
    for chunk in within.kb.chunks(picked).values():
        sentence = chunk.sentences[len(chunk.sentences) // 2]
        words = chunk.text[sentence.start - chunk.start : sentence.end - chunk.start].split()
        query = " ".join(word for i, word in enumerate(words) if i % 3 != 2)[:120]
        if any(c.isalnum() for c in query):
            queries.append(query)
    return queries


if __name__ == "__main__":
    main()
