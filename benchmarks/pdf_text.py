"""The text of PDFs beside that of three peers: words kept, words in their order, pages a second.

    python benchmarks/pdf_text.py FOLDER [--most 100]

Peers: pypdfium2's plain text, pdfplumber, and pdftotext where it is installed. What a page says is
taken to be the words on which two of the peers agree. ``kept``: share of those words that are
there; ``in_order``: share of their neighbouring pairs that are neighbours; ``invented``: share of
the distinct words that no peer has. Our tables say the names of their columns in each row, which
keeps words and parts neighbours.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean

from ragapp.documents.readers.pdf.reader import read
from ragapp.errors import DocumentError

WORD = re.compile(r"[^\W_]+")
IDEOGRAPH = re.compile(r"([㐀-鿿])")


def ours(data: bytes) -> str:
    return read(data, "a.pdf").text


def pdfium(data: bytes) -> str:
    import pypdfium2

    with pypdfium2.PdfDocument(data) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def plumber(data: bytes) -> str:
    import pdfplumber

    with pdfplumber.open(io.BytesIO(data)) as document:
        return "\n".join(page.extract_text() or "" for page in document.pages)


def poppler(data: bytes) -> str:
    done = subprocess.run(
        ["pdftotext", "-enc", "UTF-8", "-", "-"], input=data, capture_output=True, check=True
    )
    return done.stdout.decode(errors="replace")


def pages_of(data: bytes) -> int:
    import pypdfium2

    with pypdfium2.PdfDocument(data) as document:
        return len(document)


def words_of(text: str) -> list[str]:
    return WORD.findall(IDEOGRAPH.sub(r" \1 ", text.replace("\x02", "").lower()))


def pairs_of(words: list[str]) -> Counter[tuple[str, str]]:
    return Counter(pairwise(words))


def agreed(counts: list[Counter]) -> Counter:
    """Return what at least two of the peers have."""
    both = Counter()
    for place, one in enumerate(counts):
        for other in counts[place + 1 :]:
            both |= one & other
    return both


def share(part: Counter, whole: Counter) -> float:
    return (part & whole).total() / max(1, whole.total())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=100, help="files")
    options = parser.parse_args()
    tools: dict[str, Callable[[bytes], str]] = {
        "ragapp": ours, "pdfium": pdfium, "pdfplumber": plumber
    }  # fmt: skip
    if shutil.which("pdftotext"):
        tools["pdftotext"] = poppler
    rows, seconds, pages = [], Counter(), 0
    for path in sorted(options.folder.rglob("*.pdf"))[: options.most]:
        data = path.read_bytes()
        try:
            count = pages_of(data)
            texts, took = {}, {}
            for name, tool in tools.items():
                begin = time.perf_counter()
                texts[name] = words_of(tool(data))
                took[name] = time.perf_counter() - begin
        except (DocumentError, OSError, ValueError, RuntimeError, subprocess.SubprocessError):
            continue  # locked, damaged, a scan
        except Exception as error:  # noqa: BLE001 - a peer gave up
            print(f"# {path.name}: {type(error).__name__}", flush=True)
            continue
        seconds.update(took)
        pages += count
        peers = [name for name in tools if name != "ragapp"]
        said = agreed([Counter(texts[name]) for name in peers])
        pairs = agreed([pairs_of(texts[name]) for name in peers])
        known = {word for name in peers for word in texts[name]}
        if said.total() < 20:
            continue
        rows.append({
            "file": path.name,
            **{
                name: {
                    "kept": share(Counter(texts[name]), said),
                    "in_order": share(pairs_of(texts[name]), pairs),
                    "invented": len(set(texts[name]) - known) / max(1, len(set(texts[name]))),
                }
                for name in tools
            },
        })  # fmt: skip
    result = {
        "files": len(rows),
        "pages": pages,
        "pages_per_s": {name: round(pages / seconds[name], 1) for name in tools},
        "mean": {
            name: {key: round(mean(row[name][key] for row in rows), 3) for key in rows[0][name]}
            for name in tools
        },
        "least_kept_by_ragapp": [
            (row["file"], round(row["ragapp"]["kept"], 3))
            for row in sorted(rows, key=lambda row: row["ragapp"]["kept"])[:8]
        ],
    }
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
