"""How often a quotation holds the gold answer, on SQuAD-format files, as one JSON object.

    python benchmarks/quoted_evidence.py FILE... [--every 1]

Each paragraph is one passage. For every question whose answers are known: whether one of them
stands in the quoted sentences (``quoted``), in the evidence that a model is given (``evidence``),
and how many sentences are quoted. Refusals count as neither.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from ragapp.ask import EVIDENCE_HITS, find
from ragapp.lab.retrieval import index_passages
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.retrieval.calibrate import calibrate
from ragapp.retrieval.calibration import is_relevant
from ragapp.retrieval.evidence import pack_evidence
from ragapp.settings import load_settings
from ragapp.synthesis.quote import quote
from ragapp.types import AnswerText


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        library = Library(load_settings().having(home=home))
        for file in options.files:
            articles = json.loads(file.read_text(encoding="utf-8"))["data"]
            paragraphs = [one for article in articles for one in article["paragraphs"]]
            within = library.create(file.stem.replace(".", "-"), LOCAL)
            index_passages([one["context"] for one in paragraphs], within)
            calibrate(within.kb, within.space, within.encoder)
            asked = [qa for one in paragraphs for qa in one["qas"] if qa["answers"]]
            rows = []
            for qa in asked[:: options.every]:
                hits = find(qa["question"], within, EVIDENCE_HITS)
                evidence = pack_evidence(hits) if is_relevant(hits) else []
                said = [one.text for one in quote(evidence) if isinstance(one, AnswerText)]
                texts = "".join(said).lower(), "\n".join(one.text for one in evidence).lower()
                gold = [answer["text"].lower() for answer in qa["answers"]]
                holds = [any(answer in text for answer in gold) for text in texts]
                rows.append((*holds, len(said), not evidence))
            quoted, in_evidence, sentences, refused = np.array(rows, float).mean(axis=0)
            report[file.name] = {
                "questions": len(rows), "quoted": quoted, "evidence": in_evidence,
                "sentences": sentences, "refused": refused,
            }  # fmt: skip
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
