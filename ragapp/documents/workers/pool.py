"""Files read in worker processes, under limits on processor time, memory and wall time."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from ragapp.documents.workers.limits import Limits
from ragapp.documents.workers.wire import (
    Message,
    document_from_json,
    error_from_json,
    read_frame,
    write_frame,
)
from ragapp.errors import BrokenDocument, Cancelled, DocumentError, DocumentTooCostly
from ragapp.types import CancelCheck, Document, never_cancel

logger = logging.getLogger(__name__)

MODULE = "ragapp.documents.workers.worker"
ATTEMPTS = 3
"""To read a file whose worker ended by a false alarm."""
POLL_S = 0.05
"""How often whoever waits looks whether to stop."""
SECRETS = "RAGAPP_"
"""Settings in the environment, passwords among them, are not for those who read foreign files."""


class ParserPool:
    """Reads files in as many processes as there are cores, each started when it is first needed.

    Any number of threads may call ``parse`` at once; each call has a worker to itself.
    """

    def __init__(
        self, limits: Limits | None = None, most: int | None = None, *, with_ocr: bool = False
    ) -> None:
        self._limits = limits or Limits()
        self._with_ocr = with_ocr
        self._slots = threading.Semaphore(most or os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The process numbers of the workers that run now."""
        with self._lock:
            return [worker.pid for worker in self._workers]

    def parse(
        self, path: Path, name: str | None = None, cancel: CancelCheck = never_cancel
    ) -> Document:
        """Read one file as ``parse_file`` does, with its errors.

        ``cancel`` is asked about 20 times a second, and ends the worker at once.

        Raises:
            DocumentError: as ``parse_file``.
            DocumentTooCostly: a limit was reached; the worker is gone.
            BrokenDocument: also when its reader crashed the worker.
            Cancelled: ``cancel`` said so, or the pool was closed.
        """
        name = name or path.name or str(path)
        while not self._slots.acquire(timeout=POLL_S):
            if cancel():
                raise _cancelled(name)
        try:
            reply = self._ask(path, name, cancel)
        finally:
            self._slots.release()
        for source, level, message in reply.get("log", ()):
            logging.getLogger(source).log(level, "%s", message)
        if "error" in reply:
            raise error_from_json(reply["error"])
        return document_from_json(reply["document"], reply.get("text", ""))

    def close(self) -> None:
        """End all workers; whoever waits for one gets Cancelled."""
        with self._lock:
            self._closed = True
            workers = list(self._workers)
            self._workers.clear()
            self._idle.clear()
        for worker in workers:
            worker.end()

    def _ask(self, path: Path, name: str, cancel: CancelCheck, attempts: int = ATTEMPTS) -> Message:
        try:
            size = path.stat().st_size
        except OSError:  # which the reader will say
            size = 0
        cpu_s, wall_s = self._limits.cpu_for(size), self._limits.wall_for(size)
        request = {
            "path": str(path.absolute()),
            "name": name,
            "cpu_s": cpu_s,
            "memory_bytes": self._limits.memory_bytes,
            "ocr": self._with_ocr,
        }
        worker = self._take(request, name)
        reply: Message | None = None
        try:
            reply = worker.wait(time.monotonic() + wall_s, cancel)
        except TimeoutError:
            raise DocumentTooCostly("reading_too_slow", name=name, seconds=wall_s) from None
        except InterruptedError:
            raise _cancelled(name) from None
        finally:
            self._give_back(worker, ended=reply is None or bool(reply.get("last")))
        if reply is not None:
            return reply
        if self._closed:
            raise _cancelled(name)
        code = worker.end()
        if _is_false_alarm(code) and attempts > 1:
            return self._ask(path, name, cancel, attempts - 1)
        raise _crashed(name, code, cpu_s)

    def _take(self, request: Message, name: str) -> _Worker:
        """Return a worker that has taken the request."""
        while True:
            with self._lock:
                if self._closed:
                    raise _cancelled(name)
                worker = self._idle.pop() if self._idle else None
                new = worker is None
                if worker is None:
                    try:
                        worker = _Worker()
                    except OSError as error:
                        raise BrokenDocument(
                            "reading_not_started", name=name, reason=error.strerror
                        ) from error
                    self._workers.add(worker)
            try:
                worker.send(request)
            except OSError:
                self._give_back(worker, ended=True)
                if new:  # it did not even start
                    raise _crashed(name, worker.end(), 0) from None
            else:
                return worker

    def _give_back(self, worker: _Worker, *, ended: bool) -> None:
        with self._lock:
            keep = not ended and worker in self._workers
            if keep:
                self._idle.append(worker)
            else:
                self._workers.discard(worker)
        if not keep:
            worker.end()


class _Worker:
    """A process, and the thread that listens to it."""

    def __init__(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(SECRETS)}
        self._process = subprocess.Popen(
            # -P: a folder of the user's may hold a module of a library's name
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if logger.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
            env=environment,
            process_group=0,  # Ctrl-C is for the parent, which then ends its workers
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._replies: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="parse worker", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: Message) -> None:
        """Hand over a request; OSError when the process has ended."""
        write_frame(self._stdin, request)

    def wait(self, deadline: float, cancel: CancelCheck) -> Message | None:
        """Return the reply; None when the process ended without one.

        Raises:
            TimeoutError: the deadline has passed.
            InterruptedError: ``cancel`` said so.
        """
        while True:
            try:
                return self._replies.get(timeout=POLL_S)
            except queue.Empty:
                if cancel():
                    raise InterruptedError from None
                if time.monotonic() > deadline:
                    raise TimeoutError from None

    def end(self) -> int:
        """Kill the process, and the programs it runs, if it still does; return its exit code."""
        if self._process.returncode is None:  # until then its number cannot be another's
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(OSError):  # a request that nobody read
                self._stdin.close()
        return self._process.returncode

    def _listen(self) -> None:
        with cast("IO[bytes]", self._process.stdout) as stdout:
            while (reply := read_frame(stdout)) is not None:
                self._replies.put(reply)
        self._replies.put(None)


def _is_false_alarm(code: int) -> bool:
    """Say whether a worker ended by the signal that its parent has gone, though it has not.

    Linux sends it for a request as well, if the worker has read that and armed the signal before
    the write has returned: once in some ten thousand files on a busy machine.
    """
    return hasattr(signal, "SIGIO") and code == -signal.SIGIO


def _cancelled(name: str) -> Cancelled:
    return Cancelled("reading_stopped", name=name)


def _crashed(name: str, code: int, cpu_s: float) -> DocumentError:
    """Say why a worker ended, by its exit code: minus the number of a signal."""
    try:
        how = signal.Signals(-code).name
    except ValueError:
        how = str(code)
    if how == "SIGXCPU":
        return DocumentTooCostly("reading_used_up_processor", name=name, seconds=cpu_s)
    if how == "SIGKILL":
        return DocumentTooCostly("reading_ended_by_system", name=name)
    return BrokenDocument("reading_crashed", name=name, how=how)
