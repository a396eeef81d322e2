"""What reading one file may cost, and how a process keeps itself to it."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

CPU_S = 120.0
"""Processor time for any file. Measured in PDF, the slowest format: 500 plain pages take 2 s, a
manual of 36 pages 0.7 s, and the slowest kind of page a ninth of a second; 500 of those are read
in half of this, on a machine half as fast in all of it."""
CPU_S_PER_MIB = 20.0
"""And for each MiB: 3,000 printed pages come in 20 MB or more."""
WALL_PER_CPU = 2.5
"""Wall time for each second of processor time: others are at work, and disks may be slow; it ends
readers that wait for what never comes."""
MEMORY_BYTES = 2 << 30
"""Address space of a worker, 60 MB of which are Python and the libraries. A web page of nothing
but tags takes 80 times its size, other files far less; two workers beside a model must fit into
8 GB."""
RETIRE_ABOVE_BYTES = 512 << 20
"""A worker that has needed this much memory ends after the file: not all of it comes back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take, by its size: seconds, and bytes of address space."""

    cpu_s: float = CPU_S
    cpu_s_per_mib: float = CPU_S_PER_MIB
    wall_per_cpu: float = WALL_PER_CPU
    memory_bytes: int = MEMORY_BYTES

    def cpu_for(self, size: int) -> float:
        """Return the seconds of processor time for a file of ``size`` bytes."""
        return self.cpu_s + self.cpu_s_per_mib * size / (1 << 20)

    def wall_for(self, size: int) -> float:
        """Return the seconds after which reading a file of ``size`` bytes is given up."""
        return self.wall_per_cpu * self.cpu_for(size)


def limit_this_process(cpu_s: float | None, memory_bytes: int) -> None:
    """Let the system end this process after ``cpu_s`` more seconds, None: never.

    Beyond ``memory_bytes`` of address space, allocations fail. Systems that lack one of the limits
    (Windows both, macOS the second) have the wall time alone.
    """
    if sys.platform == "win32":
        return
    import resource

    _, hardest = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    soft = resource.RLIM_INFINITY if cpu_s is None else math.ceil(spent + cpu_s)
    if hardest != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hardest):
        soft = hardest
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hardest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # to be ended by the limit is no crash
    if sys.platform == "linux":
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY or memory_bytes < most:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, most))


def peak_memory() -> int:
    """Return the most bytes of memory this process has had; 0 where the system does not say.

    getrusage does not say: on Linux its figure is at least that of the parent at the start.
    """
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(peak[1]) << 10 if peak else 0
