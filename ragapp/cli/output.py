"""What every command needs: exit codes, how results are written, how Ctrl-C is heard."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragapp.settings import Settings
from ragapp.types import Note
from ragapp.untyped import Given
from ragapp.words.catalogue import note_sentence

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from ragapp.ingest import IngestedFile
    from ragapp.library import Library

DONE, FAILED, WRONG_USE, DONE_IN_PART = 0, 1, 2, 3
"""Exit codes."""


def open_library(settings: Settings) -> Library:
    """Open the door to the knowledge bases of these settings."""
    from ragapp.library import Library

    return Library(settings)


def stop_on_interrupt() -> threading.Event:
    """Let the first Ctrl-C or SIGTERM stop the work in order, and the second end the program."""
    stop = threading.Event()

    def handle(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("stopping; what is done is kept (Ctrl-C again ends at once)")

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGTERM, handle)
    return stop


def note_sentences(notes: Sequence[Note]) -> list[str]:
    """Return what a person should know about a document, a sentence each."""
    return [note_sentence(note.code, note.values) for note in notes]


def to_plain(value: DataclassInstance) -> Given:
    """Return a value as JSON has it."""
    return dataclasses.asdict(value)


def print_json(value: object) -> None:
    """Write JSON on stdout, in letters that its encoding has."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    print(json.dumps(value, ensure_ascii=encoding != "utf8", indent=1, default=str), flush=True)


def say(text: str) -> None:
    """Write a line for people on stderr."""
    print(text, file=sys.stderr, flush=True)


def code_of(results: Sequence[IngestedFile]) -> int:
    """Return the exit code of a run: done, or done in part when a file failed or was stopped."""
    from ragapp.ingest import Status

    bad = (Status.FAILED, Status.CANCELLED)
    return DONE_IN_PART if any(result.status in bad for result in results) else DONE


def print_ingested(results: Sequence[IngestedFile], as_json: bool) -> None:
    """Write what became of each file."""
    if as_json:
        plain = [to_plain(dataclasses.replace(result, error=None)) for result in results]
        for row, result in zip(plain, results, strict=True):
            row["error"] = None if result.error is None else str(result.error)
            row["notes"] = note_sentences(result.notes)
        print_json({"documents": plain})
        return
    for result in results:
        if result.error is not None:
            print(f"{result.status:<10} {result.error}")
        else:
            notes = f"  ({'; '.join(note_sentences(result.notes))})" if result.notes else ""
            print(f"{result.status:<10} {result.path}  {result.chunks} chunks{notes}")
