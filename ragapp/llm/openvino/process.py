"""The parent's side of the OpenVINO process: start it, ask it, notice its end."""

from __future__ import annotations

import itertools
import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragapp.llm.openvino.worker import NO_ROOM
from ragapp.types import CancelCheck

logger = logging.getLogger(__name__)

MODULE = "ragapp.llm.openvino.worker"
POLL_S = 0.05
"""How often a waiting reader looks whether it was told to stop."""


class ProcessEnded(RuntimeError):
    """The worker has gone, by the system's hand for example, which needed its memory."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"the OpenVINO process ended, with code {exit_code}")
        self.exit_code = exit_code


class NoRoom(RuntimeError):
    """The prompt is longer than the room for keys and values."""


@dataclass(slots=True)
class Generation:
    """One running generation; ``events`` are its tokens, then None or what went wrong."""

    number: int
    events: queue.SimpleQueue[int | RuntimeError | None] = field(default_factory=queue.SimpleQueue)
    cancelled: bool = False

    def tokens(self, cancel: CancelCheck) -> Iterator[int]:
        """Yield the tokens as they come, until the end or until told to stop.

        Raises:
            RuntimeError: OpenVINO failed. ProcessEnded: its process did.
            NoRoom: the prompt is too long.
        """
        while not self.cancelled:
            self.cancelled = cancel()
            try:
                event = self.events.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if event is None:
                return
            if isinstance(event, RuntimeError):
                raise event
            yield event


class OpenVinoProcess:
    """A running worker. Started anew when it is asked after it has ended."""

    def __init__(self, folder: Path, kv_blocks: int) -> None:
        """Start it, and wait until it has opened the export.

        Raises:
            RuntimeError: it could not.
        """
        self._opening = {"folder": str(folder), "kv_blocks": kv_blocks}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._generations: dict[int, Generation] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The number of the process that runs now."""
        return self._process.pid

    @property
    def running(self) -> int:
        """How many generations are running."""
        return len(self._generations)

    def begin(self, ids: Sequence[int], config: dict[str, Any]) -> Generation:
        """Start a generation.

        Raises:
            RuntimeError: the process had ended, and could not be started again.
        """
        with self._lock:
            if self._process.poll() is not None:
                logger.warning("The OpenVINO process had ended; it is started again.")
                self._process = self._start()
            generation = Generation(next(self._numbers))
            self._generations[generation.number] = generation
            self._send(begin=generation.number, ids=list(ids), config=config)
        return generation

    def end(self, generation: Generation) -> None:
        """Stop a generation if it still runs; its cache stays for the next one."""
        with self._lock:
            if self._generations.pop(generation.number, None) is not None:
                self._send(end=generation.number)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            # -P: a folder of the user's may hold a module of a library's name
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._send(**self._opening)
        first = self._read(self._process)
        if "ready" not in first:
            raise RuntimeError(first["error"]) if first else ProcessEnded(self._process.wait())
        threading.Thread(
            target=self._listen, args=(self._process,), name="openvino", daemon=True
        ).start()
        return self._process

    def _send(self, **command: object) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
        except OSError as error:  # it has ended; whoever listens to it says so
            logger.debug("the OpenVINO process does not listen: %s", error)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Sort what one process says to its generations, until it ends."""
        while event := self._read(process):
            generation = self._generations.get(event.get("of", 0))
            if generation is None:
                continue
            for token in event.get("ids", ()):
                generation.events.put(token)
            if "error" in event:
                self._finish(generation, RuntimeError(event["error"]))
            elif "end" in event:
                self._finish(generation, NoRoom() if event["end"] == NO_ROOM else None)
        code = process.wait()
        for generation in list(self._generations.values()):
            self._finish(generation, ProcessEnded(code))

    def _finish(self, generation: Generation, how: RuntimeError | None) -> None:
        self._generations.pop(generation.number, None)
        generation.events.put(how)

    @staticmethod
    def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
        """Return the next event, empty at the end of the process."""
        line = process.stdout.readline() if process.stdout else ""
        event: dict[str, Any] = json.loads(line) if line else {}
        return event
