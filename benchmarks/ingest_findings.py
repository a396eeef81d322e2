"""The table of faults that a knowledge base was once tried with, counted again, as JSON.

    python benchmarks/ingest_findings.py [--every N] [--flips N]

Each row: points tried, and how many went wrong; what went wrong is said in a line each. The last
column has to be all zeros. kill, full, failing and read-only disks need strace; ``--every 1`` tries
all of their points, which takes an hour. Watching and uploads are the tests of their modules.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from store_faults import sweep

from ragapp import paths
from ragapp.batch.journal import Journal, Prediction
from ragapp.errors import KnowledgeBaseDamaged, RagappError
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.verify import verify
from tests.index.builders import chunks_of, document, new_kb, searched, whitening_space

SPACE = whitening_space()
ROOT = Path(__file__).parents[1]
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--flips", type=int, default=400)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # each cache that is made anew says so
    rows: dict[str, Row] = {}
    for name, count in {
        "a bit of store.sqlite flipped": lambda: row(flipped_database(options.flips)),
        "store.sqlite truncated": lambda: row(truncated_database(40)),
        "caches flipped, truncated, missing": lambda: row(harmed_caches(options.flips // 4)),
        "an exponent bit of a stored vector, then publish": lambda: row(harmed_vectors()),
        "deleted documents hammered by readers": lambda: row(hammered(130)),
        "two processes create the same base": lambda: row(create_races(12)),
        "a base deleted under a reader": lambda: row(deleted_under_readers(12)),
        "batch journal cut at every byte": lambda: row(cut_journal()),
        "batch journal with a bit flipped": lambda: row(flipped_journal()),
        "watch mode": lambda: tests_of("tests/test_watch.py", "tests/test_file_events.py"),
        "uploads killed or crashed": lambda: tests_of("tests/uploads"),
        **{
            f"{fault} at a call to the system": lambda fault=fault: sweep(fault, options.every)
            for fault in ("KILL", "ENOSPC", "EIO", "EROFS")
        },
    }.items():
        rows[name] = count()
        print(name, json.dumps(rows[name], ensure_ascii=False), file=sys.stderr, flush=True)
    print(json.dumps(rows, indent=1, ensure_ascii=False))


def row(told: Iterator[str]) -> Row:
    """Count points; each yields what went wrong, empty: nothing."""
    every = list(told)
    wrong = [one for one in every if one]
    return {"points": len(every), "wrong": len(wrong), "what": wrong[:20]}


def tests_of(*files: str) -> Row:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    counts = dict.fromkeys(("passed", "failed", "error"), 0)
    for number, what in re.findall(r"(\d+) (passed|failed|error)", done.stdout):
        counts[what] = int(number)
    dots = len(re.findall(r"^[.sFEx]+", done.stdout, re.MULTILINE))
    passed = counts["passed"] or sum(
        len(line.split()[0]) for line in done.stdout.splitlines()[:dots]
    )
    wrong = counts["failed"] + counts["error"] + (done.returncode != 0 and not counts["failed"])
    return {
        "points": passed + wrong,
        "wrong": wrong,
        "what": re.findall(r"^FAILED.*", done.stdout, re.M),
    }


# --- what is stored ---


def many() -> list[Any]:
    return [
        document(f"/d/{i}.txt", *(f"passage {i} {n} 第{n}段" for n in range(6))) for i in range(12)
    ]


def read(folder: Path) -> object:
    """Everything a reader is told: what is found, the documents, their text; or the refusal."""
    try:
        kb = KnowledgeBase.open(folder)
        documents = kb.documents()
        return (
            searched(kb, "passage 3", SPACE),
            documents,
            [kb.document_text(d.id) for d in documents],
        )
    except RagappError as error:
        return error


def in_copies(harms: Iterator[Callable[[Path], None]]) -> Iterator[tuple[object, object, Path]]:
    """Harm copies of a base one by one; yield what is told of it before and after."""
    with tempfile.TemporaryDirectory() as temporary:
        kb = new_kb(Path(temporary) / "kb", *many(), space=SPACE)
        expected = read(kb.folder)
        for harm in harms:
            copy = Path(temporary) / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(kb.folder, copy)
            harm(copy)
            yield expected, told_of(copy), copy


def told_of(folder: Path) -> object:
    try:
        return read(folder)
    except Exception as error:  # noqa: BLE001 - a raw exception is wrong
        return f"a raw exception: {error!r}"


def served_wrong(expected: object, told: object, copy: Path) -> str:
    """Harm may be refused, with a reason, or leave no trace; verify says which."""
    if isinstance(told, RagappError):
        return "" if told.line("zh") and refused(copy) else "verify passes what a reader refuses"
    return "" if told == expected else str(told)[:200]


def refused(folder: Path) -> bool:
    try:
        return bool(verify(folder).harmed)
    except RagappError:
        return True


def flip(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def flipped_database(count: int) -> Iterator[str]:
    chance = random.Random(1)
    harms = (lambda copy: flip(paths.store_file(copy), chance) for _ in range(count))
    for expected, told, copy in in_copies(harms):
        yield served_wrong(expected, told, copy)


def truncated_database(count: int) -> Iterator[str]:
    def cut(share: float) -> Callable[[Path], None]:
        def harm(copy: Path) -> None:
            file = paths.store_file(copy)
            file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

        return harm

    for expected, told, copy in in_copies(cut(n / count) for n in range(count)):
        yield served_wrong(expected, told, copy)


def harmed_caches(count: int) -> Iterator[str]:
    """Whatever becomes of the index, it is made anew, and the answer is the same."""
    chance = random.Random(2)

    def harm(copy: Path) -> None:
        file = chance.choice(sorted(paths.index_folder(copy).iterdir()))
        how = chance.choice(["flip", "cut", "remove"])
        if how == "flip":
            flip(file, chance)
        elif how == "cut":
            file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size)])
        else:
            file.unlink()

    for expected, told, _ in in_copies(harm for _ in range(count)):
        yield "" if told == expected else str(told)[:200]


def harmed_vectors() -> Iterator[str]:
    """Each exponent bit of a component of a vector, then a publish that reads it."""
    for bit in range(23, 31):
        with tempfile.TemporaryDirectory() as temporary:
            kb = new_kb(Path(temporary) / "kb", *many(), space=SPACE)
            before = searched(kb, "passage 3", SPACE)
            with kb.writer() as writer:
                connection = writer._store._connection
                [(data,)] = connection.execute("SELECT vector FROM chunks WHERE id = 7")
                vector = np.frombuffer(data, np.uint32).copy()
                vector[3] ^= np.uint32(1 << bit)
                connection.execute("UPDATE chunks SET vector = ? WHERE id = 7", (vector.tobytes(),))
            shutil.rmtree(paths.index_folder(kb.folder))
            try:
                with kb.writer() as writer:
                    writer.add(document("/new.txt", "new"), chunks_of(document("/new.txt", "new")))
                    writer.publish(SPACE)
                yield "published from a harmed vector"
            except KnowledgeBaseDamaged:
                yield (
                    ""
                    if searched(kb, "passage 3", SPACE) == before
                    else "the old one answers otherwise"
                )


# --- others at the same time ---


def hammered(generations: int) -> Iterator[str]:
    """Documents go one by one; none is read after the generation without it was published."""
    with tempfile.TemporaryDirectory() as temporary:
        documents = [document(f"/{n}.txt", f"passage {n} of many") for n in range(generations + 5)]
        kb = new_kb(Path(temporary) / "kb", *documents, space=SPACE)
        gone: set[str] = set()
        told: list[str] = []
        done = threading.Event()

        def hammer() -> None:
            reader = KnowledgeBase.open(kb.folder)
            while not done.is_set():
                known = set(gone)
                try:
                    found = {text for text, _, _ in searched(reader, "passage", SPACE)}
                except RagappError as error:
                    told.append(str(error))
                    continue
                back = found & known
                told.append(f"came back: {sorted(back)}" if back else "")

        readers = [threading.Thread(target=hammer) for _ in range(3)]
        for reader in readers:
            reader.start()
        for each in documents[:generations]:
            with kb.writer() as writer:
                writer.remove(writer.find(path=each.path)[0].id)
                writer.publish(SPACE)
            gone.add(each.text)
        done.set()
        for reader in readers:
            reader.join()
        yield from told


CREATE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from ragapp.errors import RagappError
from ragapp.index.knowledge_base import KnowledgeBase
from tests.index.builders import RECIPE
sys.stdin.readline()
try:
    KnowledgeBase.create(Path({folder!r}), RECIPE)
    print("made")
except RagappError as error:
    print("refused", error.code)
"""


def create_races(count: int) -> Iterator[str]:
    for _ in range(count):
        with tempfile.TemporaryDirectory() as temporary:
            code = CREATE.format(root=str(ROOT), folder=str(Path(temporary) / "kb"))
            racers = [
                subprocess.Popen(
                    [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True,
                )
                for _ in range(2)
            ]  # fmt: skip
            for racer in racers:
                racer.stdin.write("go\n")
                racer.stdin.flush()
            said = sorted(racer.communicate()[0].strip() for racer in racers)
            left = [f.name for f in Path(temporary).iterdir() if f.name != "kb"]
            fine = said == ["made", "refused base_exists_already"] and not left
            yield "" if fine else f"{said}, left: {left}"


def deleted_under_readers(count: int) -> Iterator[str]:
    from ragapp.index.knowledge_base import delete

    for _ in range(count):
        with tempfile.TemporaryDirectory() as temporary:
            kb = new_kb(Path(temporary) / "kb", *many(), space=SPACE)
            reader = KnowledgeBase.open(kb.folder)
            searched(reader, "passage", SPACE)
            delete(kb.folder)
            try:
                searched(reader, "passage", SPACE)
                yield "a deleted base answers"
            except RagappError as error:
                yield "" if error.code == "base_missing" else f"it says {error.code}"


# --- the journal of a batch ---

RUN = {"model": "m", "prompts": 3}
DONE = {number: Prediction(output=f"答案 {number}", thinking="so") for number in range(3)}


def journals(harm: Callable[[bytes], Iterator[bytes]]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out.json"
        with Journal(out, RUN) as begun:
            begun.add(DONE)
        file = Journal(out, RUN).file
        for data in harm(file.read_bytes()):
            file.write_bytes(data)
            try:
                with Journal(out, RUN) as again:
                    taken = again.done
            except RagappError:
                taken = {}
            yield "" if taken.items() <= DONE.items() else f"taken: {taken}"


def cut_journal() -> Iterator[str]:
    return journals(lambda whole: (whole[:length] for length in range(len(whole))))


def flipped_journal() -> Iterator[str]:
    def flips(whole: bytes) -> Iterator[bytes]:
        for place in range(len(whole)):
            for bit in range(8):
                harmed = bytearray(whole)
                harmed[place] ^= 1 << bit
                yield bytes(harmed)

    return journals(flips)


if __name__ == "__main__":
    main()
