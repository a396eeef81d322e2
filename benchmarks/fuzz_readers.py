"""Feeds every reader files changed at random, for a given time, and prints one JSON object.

    python benchmarks/fuzz_readers.py [--seconds 3600] [--seed 0] [--keep FOLDER] [--only .pdf …]

The whole files are those of ``tests/documents/samples.py``, the changes those of ``mutations.py``,
and they go through the worker processes under their limits, as files of strangers do.

read, refused: how many ended as a text that keeps its promises, and as an error of the file.
found: what must not be, as "suffix code": count. ``reader_failed`` is an error that a reader did
not foresee, ``too_costly`` a file of some kilobytes that broke a limit, ``reading_crashed`` a
worker that died, ``broken_promise`` an extract whose offsets lead astray. The file of each first
one is kept in ``--keep``.
slowest: the longest any of them took, in seconds, by suffix.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ragapp.documents.formats import SUFFIXES  # noqa: E402
from ragapp.documents.readers import Extract  # noqa: E402
from ragapp.documents.workers.pool import ParserPool  # noqa: E402
from ragapp.errors import DocumentError, DocumentTooCostly  # noqa: E402
from ragapp.types import Document  # noqa: E402
from tests.documents.mutations import mutated  # noqa: E402
from tests.documents.promises import check  # noqa: E402
from tests.documents.samples import SAMPLES  # noqa: E402

NOT_TO_BE = {"reader_failed", "kind_not_found_out", "reading_crashed", "reading_not_started"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    logging.disable()  # what is odd about such files is no news
    suffixes = options.only or [s for s in SAMPLES if f".{s.rsplit('.', 1)[-1]}" in SUFFIXES]
    whole = {suffix: SAMPLES[suffix]() for suffix in suffixes}
    outcomes: dict[str, Counter[str]] = {suffix: Counter() for suffix in suffixes}
    found: Counter[str] = Counter()
    slowest = dict.fromkeys(suffixes, 0.0)
    tried = 0
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder, ParserPool(most=1) as pool:
        while time.monotonic() < end:
            suffix = suffixes[tried % len(suffixes)]
            data = mutated(whole[suffix], random.Random(f"{options.seed}-{tried}"))
            tried += 1
            path = Path(folder) / f"a{suffix}"
            path.write_bytes(data)
            begin = time.monotonic()
            kind, finding = outcome(pool, path)
            slowest[suffix] = max(slowest[suffix], time.monotonic() - begin)
            outcomes[suffix][kind] += 1
            if finding:
                name = f"{suffix} {finding}"
                if not found[name]:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{finding}-{tried}{suffix}").write_bytes(data)
                found[name] += 1
    print(
        json.dumps(
            {
                "tried": tried,
                "seconds": options.seconds,
                "by_suffix": {suffix: dict(counts) for suffix, counts in outcomes.items()},
                "slowest": {suffix: round(seconds, 2) for suffix, seconds in slowest.items()},
                "found": dict(found),
            },
            indent=1,
        )
    )


def outcome(pool: ParserPool, path: Path) -> tuple[str, str]:
    """Return "read" or "refused", and what must not be."""
    try:
        document = pool.parse(path)
    except DocumentTooCostly as error:
        return "refused", f"too_costly-{error.code}"
    except DocumentError as error:
        return "refused", error.code if error.code in NOT_TO_BE else ""
    try:
        check(_extract(document))
    except AssertionError:
        return "read", "broken_promise"
    return "read", ""


def _extract(document: Document) -> Extract:
    return Extract(
        document.text, document.headings, document.pages, document.notes, document.blocks
    )


if __name__ == "__main__":
    main()
