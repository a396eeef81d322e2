"""Kill, or fail, a knowledge base at every call to the system; count what is not as promised.

    python benchmarks/store_faults.py [--every N] [--faults KILL ENOSPC EIO EROFS]

Prints JSON: points tried and wrong, by fault, and a line about each that was wrong. Needs strace.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.index import faults


def sweep(fault: str, every: int) -> dict[str, object]:
    """Try every Nth point; a failing disk fails the calls that write, a kill may come at any."""
    wrong: list[str] = []
    tried = unnamed = 0
    with tempfile.TemporaryDirectory() as folder:
        points = list(faults.points(Path(folder) / "kb"))
    if fault != "KILL":
        points = [point for point in points if point[0] in faults.WRITES]
    for call, nth in points[::every]:
        how = "signal=KILL" if fault == "KILL" else f"error={fault}"
        with tempfile.TemporaryDirectory() as folder:
            kb = Path(folder) / "kb"
            outcome = faults.inject(kb, f"{call}:{how}:when={nth}")
            tried += 1
            unnamed += outcome.code == faults.RAW_ERROR
            if problem := faults.wrong(kb, outcome):
                wrong.append(f"{call} {nth}: {problem}")
    return {"points": tried, "wrong": len(wrong), "raw exceptions": unnamed, "what": wrong}


def main() -> None:
    """Run the sweeps that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try every Nth point only")
    parser.add_argument("--faults", nargs="+", default=["KILL", "ENOSPC", "EIO", "EROFS"])
    asked = parser.parse_args()
    found = {fault: sweep(fault, asked.every) for fault in asked.faults}
    print(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
