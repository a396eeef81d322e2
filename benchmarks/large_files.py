"""What very large files take to be read and split: seconds, and the most memory, as JSON.

    python benchmarks/large_files.py [--text-mb 400] [--rows 1000000] [--pages 2000]

Made by script: a text of English and Chinese, a CSV and an XLSX of so many rows of six cells, and a
PDF of so many pages. Each is read as ``ragapp ingest`` reads it, in a worker process, and split
into chunks in this one; nothing is embedded. parse s, split s; peak MB: of this process and of its
worker, both started anew for each file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LINE = "Valve {n} of pump {m} was opened and closed again. 第{n}号阀门在{m}点打开，随后关闭。\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text-mb", type=int, default=400)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file:
        print(json.dumps(measure(options.file)))
        return
    report = {}
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as temporary:
        folder = Path(temporary)
        amounts = {text: options.text_mb, csv: options.rows, xlsx: options.rows, pdf: options.pages}
        for make, amount in amounts.items():
            file = make(folder, amount)
            size = file.stat().st_size // 10**6
            command = [sys.executable, __file__, "--file", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            told = (
                json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr[-500:]}
            )
            report[f"{file.name}, {amount}"] = {"MB": size, **told}
            print(file.name, json.dumps(told), file=sys.stderr, flush=True)
            file.unlink()
    print(json.dumps(report, indent=1))


def measure(file: Path) -> dict[str, Any]:
    from ragapp.documents.split import split_document
    from ragapp.documents.workers.pool import ParserPool
    from ragapp.errors import RagappError

    began = time.perf_counter()
    with ParserPool(most=1) as pool:
        try:
            document = pool.parse(file)
        except RagappError as error:
            return {"refused": str(error), "worker peak MB": worker_mb()}
    parsed = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    # Words stand for tokens: what is measured here is the splitting, not the tokenizer.
    chunks = sum(1 for _ in split_document(document, lambda of: [len(t) // 4 + 1 for t in of], 320))
    return {
        "characters": len(document.text),
        "chunks": chunks,
        "parse s": round(parsed - began, 1),
        "split s": round(time.perf_counter() - parsed, 1),
        "worker peak MB": worker_mb(),
        "peak before splitting MB": before,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }


def worker_mb() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000


def text(folder: Path, megabytes: int) -> Path:
    file = folder / "large.txt"
    with file.open("w", encoding="utf-8") as out:
        n = 0
        while out.tell() < megabytes * 10**6:
            out.write("".join(LINE.format(n=n + i, m=(n + i) % 31) for i in range(1000)) + "\n")
            n += 1000
    return file


def cells(n: int) -> list[Any]:
    day = f"2026-01-{n % 28 + 1:02d}"
    return [n, f"City {n % 97}", f"Name {n % 1009}", n * 7 % 9973, day, f"备注 {n}"]


def csv(folder: Path, rows: int) -> Path:
    file = folder / "large.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write("Number,City,Name,Amount,Date,Remark\n")
        for n in range(rows):
            out.write(",".join(map(str, cells(n))) + "\n")
    return file


def xlsx(folder: Path, rows: int) -> Path:
    import xlsxwriter

    file = folder / "large.xlsx"
    rows = min(rows, 1_048_575)
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Number", "City", "Name", "Amount", "Date", "Remark"])
        for n in range(rows):
            sheet.write_row(n + 1, 0, cells(n))
    return file


def pdf(folder: Path, pages: int) -> Path:
    from fpdf import FPDF

    made = FPDF()
    made.set_font("helvetica", size=10)
    for number in range(pages):
        made.add_page()
        for line in range(45):
            words = f"Page {number + 1}, line {line}: valve {number * 45 + line} opens at noon."
            made.cell(0, 5, words,
                      new_x="LMARGIN", new_y="NEXT")  # fmt: skip
    file = folder / "large.pdf"
    made.output(str(file))
    return file


if __name__ == "__main__":
    main()
