"""How often questions are answered from their own documents, and refused from foreign ones.

    python benchmarks/relevance.py FILE FILE... [--every 5]

Every file's questions are put to every file's passages; prints, for a range of thresholds, the
share of own questions that pass and of foreign ones that are refused, as JSON. Two files in
different languages are a fair test of refusal; two translations of one text are not (named with
--twins).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from ragapp.ask import EVIDENCE_HITS, find
from ragapp.lab.retrieval import index_passages, read_squad
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.retrieval.calibrate import calibrate
from ragapp.retrieval.calibration import RELEVANT_SENTENCE, relevance
from ragapp.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--twins", nargs=2, action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    twins = {frozenset(pair) for pair in options.twins}
    scores: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        library = Library(load_settings().having(home=home))
        data = {file.name: read_squad(file) for file in options.files}
        for base in data:
            within = library.create(base.replace(".", "-"), LOCAL)
            index_passages(data[base].passages, within)
            calibrate(within.kb, within.space, within.encoder)
            for asked in data:
                if frozenset((base, asked)) in twins:
                    continue
                questions = [q for q, _ in data[asked].questions[:: options.every]]
                scores[base, asked] = [
                    relevance(find(question, within, EVIDENCE_HITS)) for question in questions
                ]
    own = np.concatenate([v for (base, asked), v in scores.items() if base == asked])
    foreign = np.concatenate([v for (base, asked), v in scores.items() if base != asked])
    print(
        json.dumps(
            {
                "threshold": RELEVANT_SENTENCE,
                "own_questions": len(own),
                "foreign_questions": len(foreign),
                "own_answered": float(np.mean(own >= RELEVANT_SENTENCE)),
                "foreign_refused": float(np.mean(foreign < RELEVANT_SENTENCE)),
                "by_threshold": {
                    f"{t:.2f}": [float(np.mean(own >= t)), float(np.mean(foreign < t))]
                    for t in np.arange(0.2, 0.5, 0.02)
                },
                "by_pair": {
                    f"{asked} in {base}": float(np.mean(np.array(v) >= RELEVANT_SENTENCE))
                    for (base, asked), v in scores.items()
                },
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
