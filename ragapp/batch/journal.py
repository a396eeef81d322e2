"""What a run of batch inference has done so far, so that one that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ragapp.errors import RagappError, UsageError


@dataclass(frozen=True, slots=True)
class Prediction:
    """What came of a prompt: ``output``, what was thought before it, or why there is none."""

    output: str = ""
    thinking: str = ""
    error: str = ""


class Journal:
    """A file beside the predictions: the values of the run, then a line a prompt.

    A line is a checksum and JSON, on the disk when ``add`` returns. A line that was cut off by a
    crash is dropped, and one that a disk has harmed, too: its prompt is done again.

    Raises:
        UsageError: the file there belongs to a run with other values, or its first line is harmed.
    """

    def __init__(self, predictions: Path, run: Mapping[str, Any]) -> None:
        self.file = predictions.with_name(predictions.name + ".journal")
        self.done: dict[int, Prediction] = {}
        self._run = json.loads(json.dumps(run))  # as it reads from the file
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        """Read what was done, and open the file for more."""
        try:
            whole = self._read() if self.file.exists() else 0
            self._stream = self.file.open("r+b" if whole else "wb")
            self._stream.truncate(whole)
            self._stream.seek(whole)
            if not whole:
                self._write({"run": self._run})
        except OSError as error:
            raise cannot_write(self.file, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file, and leave it."""
        if self._stream is not None:
            self._stream.close()

    def add(self, predictions: Mapping[int, Prediction]) -> None:
        """Keep what came of some prompts, by number."""
        try:
            self._write(*({"number": n, **_plain(p)} for n, p in predictions.items()))
        except OSError as error:
            raise cannot_write(self.file, error) from error
        self.done.update(predictions)

    def _write(self, *lines: Mapping[str, Any]) -> None:
        if self._stream is None:
            raise ValueError("the journal is not open")
        for line in lines:
            self._stream.write(_line(line))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _read(self) -> int:
        """Take what was done; return how many bytes of the file there are whole lines of."""
        head, *lines = self.file.read_bytes().split(b"\n")
        if not lines:
            return 0  # killed while it wrote its first line
        begun = _parsed(head).get("run")
        if begun is None:
            raise UsageError("batch_journal_damaged", file=self.file)
        if begun != self._run:
            raise self._other_run(begun if isinstance(begun, dict) else {})
        for line in lines[:-1]:  # the last is empty, or was cut off
            entry = _parsed(line)
            if "number" in entry:
                number = int(entry.pop("number"))
                self.done[number] = Prediction(**entry)
        return sum(len(line) + 1 for line in (head, *lines[:-1]))

    def _other_run(self, begun: Mapping[str, Any]) -> UsageError:
        names = sorted(n for n in {*begun, *self._run} if begun.get(n) != self._run.get(n))
        return UsageError("batch_other_run", file=self.file, names=", ".join(names))


def write_atomically(file: Path, text: str) -> None:
    """Write a file that is there as a whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(file, error) from error


def cannot_write(file: Path, error: OSError) -> RagappError:
    """Say why a file cannot be written."""
    return UsageError("batch_not_writable", file=file, reason=error.strerror or str(error))


def _plain(prediction: Prediction) -> dict[str, str]:
    values = {
        "output": prediction.output,
        "thinking": prediction.thinking,
        "error": prediction.error,
    }
    return {name: value for name, value in values.items() if value}


def _line(values: Mapping[str, Any]) -> bytes:
    payload = json.dumps(values, ensure_ascii=False).encode()
    return _checksum(payload) + b" " + payload + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    """Return the values of a line; none where the checksum does not agree."""
    checksum, _, payload = line.partition(b" ")
    if checksum != _checksum(payload):
        return {}
    value = json.loads(payload)
    return value if isinstance(value, dict) else {}


def _checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=8).hexdigest().encode()
