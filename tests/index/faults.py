"""A knowledge base changed step by step in a process of its own, for others to kill or to fail.

``python -m tests.index.faults FOLDER ACKNOWLEDGED`` runs the steps; after each it is written down
as acknowledged. ``inject`` lets the Nth call of a kind to the system fail or be the last one;
``wrong`` says what is then not as promised.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ragapp import paths
from ragapp.errors import RagappError
from ragapp.index import knowledge_base
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.local import manifest
from ragapp.index.verify import verify
from tests.index.builders import RECIPE, chunks_of, document, searched, whitening_space

WRITES = ("write", "pwrite64", "ftruncate")
CALLS = (*WRITES, "fsync", "fdatasync", "rename", "unlink", "mkdir", "rmdir", "unlinkat")
NAMED, RAW_ERROR = 3, 4
"""Exit codes: an error of ours, with its sentence; any other."""

SPACE = whitening_space()
"""Fitted at the first publish, and anew when the long document has come, and gone."""

State = dict[str, str]
"""The text of each document by its path."""


def _add(kb: KnowledgeBase, path: str, text: str) -> None:
    with kb.writer() as writer:
        writer.add(document(path, *text.split("\n")), chunks_of(document(path, *text.split("\n"))))


def _publish(kb: KnowledgeBase) -> None:
    with kb.writer() as writer:
        writer.publish(SPACE)


def _remove(kb: KnowledgeBase, path: str) -> None:
    with kb.writer() as writer:
        writer.remove(writer.find(path=path)[0].id)


def _rename(kb: KnowledgeBase, path: str, to: str) -> None:
    with kb.writer() as writer:
        writer.rename(writer.find(path=path)[0].id, to, Path(to).name)


def _delete(kb: KnowledgeBase) -> None:
    knowledge_base.delete(kb.folder)


RED, GREEN = "Apples are red.", "Apples are green."
LONG = "\n".join(f"Paragraph {n} of a long document tells of valve {n}." for n in range(60))
STEPS: tuple[tuple[Callable[[KnowledgeBase], None], State], ...] = (
    (lambda kb: _add(kb, "/a.txt", RED), {"/a.txt": RED}),
    (_publish, {"/a.txt": RED}),
    (lambda kb: _add(kb, "/long.txt", LONG), {"/a.txt": RED, "/long.txt": LONG}),
    (_publish, {"/a.txt": RED, "/long.txt": LONG}),
    (lambda kb: _add(kb, "/a.txt", GREEN), {"/a.txt": GREEN, "/long.txt": LONG}),
    (lambda kb: _rename(kb, "/a.txt", "/b.txt"), {"/b.txt": GREEN, "/long.txt": LONG}),
    (_publish, {"/b.txt": GREEN, "/long.txt": LONG}),
    (lambda kb: _remove(kb, "/long.txt"), {"/b.txt": GREEN}),
    (_publish, {"/b.txt": GREEN}),
    (_delete, {}),
)
"""What is done, and what the base then holds; the last step deletes it."""
DELETING = len(STEPS) - 1


def expected(steps: int) -> State:
    """Return what the base holds after so many steps."""
    return STEPS[min(steps, len(STEPS)) - 1][1] if steps else {}


def run(folder: Path, acknowledged: Path) -> int:
    """Do all steps; stop at the first error. By ``writev``, which is never made to fail here."""
    file = os.open(acknowledged, os.O_WRONLY | os.O_CREAT)
    try:
        kb = KnowledgeBase.create(folder, RECIPE)
        os.writev(file, [b"."])
        for step, _ in STEPS:
            step(kb)
            os.writev(file, [b"."])
    except RagappError as error:
        os.writev(2, [str(error).encode()])
        return NAMED
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        os.writev(2, [repr(error).encode()])
        return RAW_ERROR
    return 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process ended, what it said, and how many steps it acknowledged (creation first)."""

    code: int
    said: str
    acknowledged: int


def inject(folder: Path, fault: str = "", log: Path | None = None) -> Outcome:
    """Run the steps under a fault in strace's words, such as ``write:error=EIO:when=3``."""
    acknowledged = folder.with_name("acknowledged")
    traced = ["strace", "-f", "-qq", "-o", str(log or os.devnull), "-e", "trace=" + ",".join(CALLS)]
    traced += ["-e", f"inject={fault}"] if fault else []
    done = subprocess.run(
        [*traced, sys.executable, "-B", "-m", "tests.index.faults", str(folder), str(acknowledged)],
        capture_output=True, text=True, timeout=120, check=False,
        cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    steps = acknowledged.stat().st_size if acknowledged.exists() else 0
    return Outcome(done.returncode, done.stderr, steps)


def points(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield each call of the main thread while nothing fails: its name, and which of its kind."""
    log = folder.with_name("calls")
    outcome = inject(folder, log=log)
    assert outcome.code == 0, outcome.said
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    main = lines[0].split()[0]
    counted: Counter[str] = Counter()
    for line in lines:
        thread, _, call = line.partition(" ")
        name = call.strip().split("(")[0]
        if thread == main and name in CALLS:
            counted[name] += 1
            yield name, counted[name]


def wrong(folder: Path, outcome: Outcome) -> str:
    """Say what is not as promised after a fault; empty: nothing.

    What was acknowledged is there, whole and once; the step under way is there or is not; the next
    writer needs no hand, and what it publishes is what is found.
    """
    if outcome.code == RAW_ERROR:
        return f"a raw exception: {outcome.said}"
    steps = max(outcome.acknowledged - 1, 0)
    if not folder.exists() and (outcome.acknowledged == 0 or steps >= DELETING):
        KnowledgeBase.create(folder, RECIPE)  # its name is free, and it is empty
        steps = 0 if outcome.acknowledged == 0 else len(STEPS)
    try:
        kb = KnowledgeBase.open(folder)
        if problem := _half_there(kb, steps):
            return problem
        _publish(kb)
        return _half_there(kb, steps) or _not_found(kb) or _left_over(kb)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
        return f"not usable afterwards: {error!r}"


def _half_there(kb: KnowledgeBase, steps: int) -> str:
    held = _held(kb)
    if held not in (expected(steps), expected(steps + 1)):
        return f"after {steps} steps it holds {sorted(held)}"
    harmed = verify(kb.folder).harmed
    return f"damaged: {[str(one) for one in harmed]}" if harmed else ""


def _left_over(kb: KnowledgeBase) -> str:
    """Name files that nothing needs; what a killed creation leaves goes an hour later."""
    folder = paths.index_folder(kb.folder)
    generation = manifest.file_of(folder, kb.generation())
    needed = {generation.name}
    if generation.exists():
        read = manifest.read(folder, kb.generation())
        needed |= {name for entry in read.segments for name in entry.files}
    found = {file.name for file in folder.glob("*")} - needed
    known = {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "index"}
    found |= {file.name for file in kb.folder.iterdir()} - known - {"writer.lock", "writer.json"}
    found |= {file.name for file in kb.folder.parent.glob(".*.deleted-*")}
    return f"left over: {sorted(found)}" if found else ""


def _held(kb: KnowledgeBase) -> State:
    with kb.writer() as writer:
        listed = writer.documents()
    assert len({one.path for one in listed}) == len(listed), "a document is there twice"
    return {one.path: kb.document_text(one.id) or "" for one in listed}


def _not_found(kb: KnowledgeBase) -> str:
    paragraphs = sorted(line for text in _held(kb).values() for line in text.split("\n"))
    found = sorted(text for text, _, _ in searched(kb, "valve apples", SPACE))
    return "" if found == paragraphs else f"found {len(found)} of {len(paragraphs)} passages"


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2])))
