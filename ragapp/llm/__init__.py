"""The engines that generate text, one module each; they share ``synthesis.engine``."""

import sys

# openvino reports its use to its makers as soon as it is imported, in a process that it forks.
# Nothing leaves this machine: to whoever comes through this package, that part is not there.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
