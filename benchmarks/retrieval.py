"""Retrieval figures on SQuAD-format files, stage by stage, as one JSON object.

    python benchmarks/retrieval.py FILE... [--pooling first-last-avg] [--no-whitening]

Each paragraph is one passage, each question's own paragraph the one right hit. Needs
multilingual-e5-small (`ragapp models pull multilingual-e5-small`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from ragapp.lab.retrieval import figures, index_passages, rank_of, read_squad
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.retrieval.query import make_query
from ragapp.settings import load_settings

STAGES = ("dense", "lexical", "hybrid", "rerank")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pooling")
    parser.add_argument("--no-whitening", dest="whitening", action="store_false", default=None)
    parser.add_argument("--every", type=int, default=1, help="take every n-th question only")
    options = parser.parse_args()
    settings = load_settings({"pooling": options.pooling, "whitening": options.whitening})
    report: dict[str, object] = {
        "embedder": settings.embedding.embedder,
        "pooling": settings.embedding.pooling,
        "whitening": settings.embedding.whitening,
    }
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        library = Library(settings.having(home=home))
        for file in options.files:
            data = read_squad(file)
            within = library.create(file.stem.replace(".", "-"), LOCAL)
            index_passages(data.passages, within)
            questions = data.questions[:: options.every]
            queries = [(make_query(q, (), within.encoder), right) for q, right in questions]
            report[file.name] = {
                stage: figures(
                    len(data.passages), [rank_of(q, right, within, stage) for q, right in queries]
                )
                for stage in STAGES
            }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
