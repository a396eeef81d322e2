"""Nothing leaves this machine: the libraries that would look things up or report use are told so.

Fetching a model is the one thing that goes out, when a person asks for it, over ragapp's own
connections; nothing here stands in its way.
"""

from __future__ import annotations

import os
import sys

# Each says no in the words of its library; the last is read by several.
NO_REPORTS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
# Transformers asks the hub about a model even when it is read from a folder. HF_HUB_OFFLINE=0 lets
# it, for a trusted model whose code lies in another repository.
NO_LOOKUPS = "HF_HUB_OFFLINE"


def keep_local() -> None:
    """Keep this process, and those it starts, from calling anybody; the entrances begin with it.

    Reports are off whatever the environment says. Look-ups are off unless ``HF_HUB_OFFLINE`` is set
    to something else.
    """
    os.environ.update(NO_REPORTS)
    os.environ.setdefault(NO_LOOKUPS, "1")
    keep_openvino_quiet()
    if hub := sys.modules.get("huggingface_hub.constants"):  # read its environment already
        hub.HF_HUB_DISABLE_TELEMETRY = True  # type: ignore[attr-defined]
        if os.environ[NO_LOOKUPS] == "1":
            hub.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def keep_openvino_quiet() -> None:
    """Take the reporting part out of openvino, before openvino is imported.

    It reports as soon as it is imported, in a process that it forks, and asks no environment
    variable. Openvino works without it and finds here that it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
