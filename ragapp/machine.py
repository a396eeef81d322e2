"""What this machine is and computes quickly: measured once, then remembered."""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp import paths

if TYPE_CHECKING:
    from torch import dtype

logger = logging.getLogger(__name__)

# (tokens, inputs) × (inputs, outputs) of a small model's feed-forward layer
MATMUL_SHAPE = (256, 896, 4864)
MATMUL_REPEATS = 5
# bfloat16 must win clearly: with AVX-512 BF16 or AMX it takes a third, emulated several times.
CLEARLY_FASTER = 0.8


@dataclass(frozen=True, slots=True)
class Hardware:
    """``device``: cuda, mps or cpu; ``gpu_memory_gb``: 0 without a GPU; ``cores``: usable ones.

    ``bf16_fast``: bfloat16 is clearly quicker than float32 on ``device``.
    """

    device: str
    bf16_fast: bool
    gpu_memory_gb: float
    cores: int


def probe(models: Path) -> Hardware:
    """Look at the machine; the timing is remembered for this processor and torch version."""
    import torch

    cores = _usable_cores()
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return Hardware("cuda", fast, memory, cores)
    if torch.backends.mps.is_available():
        memory = torch.mps.recommended_max_memory() / 1e9
        return Hardware("mps", _remembered_bf16(models, "mps"), memory, cores)
    return Hardware("cpu", _remembered_bf16(models, "cpu"), 0.0, cores)


def remembered(file: Path, key: str, measure: Callable[[], float]) -> float:
    """Return what was measured for ``key`` at an earlier time, or measure it now and note it.

    ``file`` keeps a number or a truth value for each key, in JSON. One that cannot be read is
    started anew; where it cannot be written, the next start measures again. What two processes
    note at the same moment may lose one of the two, which is then measured again.
    """
    known = _noted(file)
    if key in known:
        return known[key]
    value = measure()
    try:
        _note(file, _noted(file) | {key: value})  # others may have written since
    except OSError as error:
        logger.info("what was measured is not remembered: %s", error)
    return value


def processor_name() -> str:
    """Return the processor's name as the system gives it, at least its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model n"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _noted(file: Path) -> dict[str, float]:
    """Read the notes that make sense; of a damaged file, none."""
    try:
        notes = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(notes, dict):
        return {}
    return {key: value for key, value in notes.items() if isinstance(value, int | float)}


def _note(file: Path, notes: dict[str, float]) -> None:
    """Write the notes whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _usable_cores() -> int:
    """Count the cores this process may use, which a container limits."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _remembered_bf16(models: Path, device: str) -> bool:
    """Time once for each processor, its instructions that torch uses, and torch version."""
    import torch

    instructions = torch.backends.cpu.get_cpu_capability()
    key = f"{device}, {processor_name()} {instructions}, torch {torch.__version__}"
    return bool(remembered(paths.hardware_probe(models), key, lambda: _bf16_is_faster(device)))


def _bf16_is_faster(device: str) -> bool:
    import torch

    bfloat16 = _fastest_matmul(device, torch.bfloat16)
    float32 = _fastest_matmul(device, torch.float32)
    logger.info("matrix product on %s: bfloat16 %.4f s, float32 %.4f s", device, bfloat16, float32)
    return bfloat16 < CLEARLY_FASTER * float32


def _fastest_matmul(device: str, kind: dtype) -> float:
    """Return the best time of one matrix product in seconds."""
    import torch

    tokens, inputs, outputs = MATMUL_SHAPE
    left = torch.ones(tokens, inputs, dtype=kind, device=device)
    right = torch.ones(inputs, outputs, dtype=kind, device=device)
    times = []
    for _ in range(1 + MATMUL_REPEATS):  # the first warms up
        start = time.perf_counter()
        (left @ right)[0, 0].item()  # .item() waits for the device
        times.append(time.perf_counter() - start)
    return min(times[1:])


def give_memory_back() -> bool:
    """Hand memory that is free again back to the system; say whether that could be asked.

    glibc keeps what batches of many sizes leave, in pieces: 250 MB after 1,700 passages.
    """
    import ctypes

    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another system's, or another C library
        return False
    trim(0)
    return True
