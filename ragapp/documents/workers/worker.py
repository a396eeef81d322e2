"""Reads files for its parent, one after the other: ``python -m ragapp.documents.workers.worker``.

Requests come in on stdin and replies go out on stdout, as ``wire`` says. Both are taken out of
the way of the readers' libraries: what those print goes to stderr, and stdin is empty for them.
The process ends with its stdin, also in the middle of a file.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from pathlib import Path
from typing import BinaryIO

from ragapp.documents.parse import parse_file
from ragapp.documents.workers.limits import RETIRE_ABOVE_BYTES, limit_this_process, peak_memory
from ragapp.documents.workers.wire import (
    Message,
    document_to_json,
    error_to_json,
    read_frame,
    write_frame,
)
from ragapp.errors import DocumentError, DocumentTooCostly

MOST_RECORDS = 50  # of the log for one file; a damaged one may have something to say on every page
LONGEST_RECORD = 4000  # characters; the end of a traceback says the most


class _Log(logging.Handler):
    """Keeps what the readers log, for the parent to log it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.records) < MOST_RECORDS:
            message = self.format(record)[-LONGEST_RECORD:]
            self.records.append((record.name, record.levelno, message))


def main() -> None:
    """Serve until stdin ends."""
    requests, replies = _take_pipes()
    log = _Log()
    ours = logging.getLogger("ragapp")
    ours.addHandler(log)
    ours.propagate = False
    while (request := read_frame(requests)) is not None:
        log.records.clear()
        _end_with_parent(requests, armed=True)
        limit_this_process(request["cpu_s"], request["memory_bytes"])
        reply, text = _reply_to(request)
        limit_this_process(None, request["memory_bytes"])
        _end_with_parent(requests, armed=False)
        reply["log"] = log.records
        reply["last"] = peak_memory() > min(RETIRE_ABOVE_BYTES, request["memory_bytes"] // 2)
        write_frame(replies, reply, text)
        del text
        if reply["last"]:
            return


def _reply_to(request: Message) -> tuple[Message, str]:
    try:
        document = parse_file(Path(request["path"]), request["name"], with_ocr=request["ocr"])
        return {"document": document_to_json(document)}, document.text
    except DocumentError as error:
        return {"error": error_to_json(error)}, ""
    except MemoryError:
        too_large = DocumentTooCostly("text_too_large", name=request["name"])
        return {"error": error_to_json(too_large)}, ""


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout as binary streams of ours alone."""
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _end_with_parent(requests: BinaryIO, *, armed: bool) -> None:
    """Let the system end this process when stdin closes, whatever a reader is doing then.

    A thread could not: a pattern or a parser at work holds Python's lock. On Linux a pipe can
    signal that something happens to it, and what happens while a file is read can only be its end.
    Elsewhere the limit on processor time ends a worker that was left behind.
    """
    if sys.platform != "linux":
        return
    import fcntl

    descriptor = requests.fileno()
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if not armed:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_ASYNC)
        return
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:  # it ended before
        sys.exit()


if __name__ == "__main__":
    main()
