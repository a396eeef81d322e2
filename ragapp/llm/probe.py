"""Which engine answers sooner on this processor: timed once on a small model, then remembered."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp import paths
from ragapp.machine import processor_name, remembered

if TYPE_CHECKING:
    import torch

    from ragapp.llm.engine import ChatEngine

logger = logging.getLogger(__name__)

# Two layers as wide as those of a 0.5 B model: enough to see the kernels, done in seconds.
PROBE_MODEL = {
    "vocab_size": 4096,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 2,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
}
PROBE_TOKENS = (256, 32)
"""Prompt and answer: about the proportion of a question with its evidence, and a short answer."""
REPEATS = 3


def openvino_is_faster(models: Path, dtype: torch.dtype | None) -> bool:
    """Time both engines on a random model, or read what an earlier start found."""
    key = ", ".join(
        [processor_name(), str(dtype), *(f"{p} {version(p)}" for p in ("torch", "openvino-genai"))]
    )
    return remembered(paths.engine_probe(models), key, lambda: _time_ratio(dtype)) < 1.0


def _time_ratio(dtype: torch.dtype | None) -> float:
    """Return the time that OpenVINO takes for a prompt and an answer, divided by torch's."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    from ragapp.llm.openvino.engine import OpenVinoEngine, open_export
    from ragapp.llm.openvino.export import exported
    from ragapp.llm.torch.engine import TorchEngine

    with tempfile.TemporaryDirectory(prefix="ragapp-probe-") as folder:
        place = Path(folder)
        with torch.random.fork_rng():
            model = AutoModelForCausalLM.from_config(Qwen2Config(**PROBE_MODEL), dtype=dtype).eval()
        model.save_pretrained(place / "model")
        export = exported(place / "model", place, "probe")
        tokenizer: Any = _Ids()
        process = open_export(export, "probe", 1024)
        engines: list[ChatEngine] = [
            OpenVinoEngine(process, tokenizer, "probe", 1024),
            TorchEngine(model, tokenizer, "probe", 1024),
        ]
        times = [[_seconds(engine) for _ in range(1 + REPEATS)][1:] for engine in engines]
        process.close()
    ratio = min(times[0]) / min(times[1])
    logger.info("OpenVINO takes %.2f times as long as torch here", ratio)
    return ratio


def _seconds(engine: ChatEngine) -> float:
    from ragapp.llm.decoding import Decoding
    from ragapp.types import never_cancel

    started = time.perf_counter()
    for _ in engine.generate([], Decoding(max_new_tokens=PROBE_TOKENS[1]), never_cancel):
        pass
    return time.perf_counter() - started


class _Ids:
    """Stands where a tokenizer would: a new random prompt at each call, ids as text."""

    terminators: tuple[int, ...] = (PROBE_MODEL["vocab_size"] - 1,)
    vocabulary_size = PROBE_MODEL["vocab_size"]
    opens_thinking = False

    def prompt_ids(self, _: object) -> list[int]:
        """Return other ids each time, so that no cache helps."""
        return list(os.urandom(PROBE_TOKENS[0]))

    def decode(self, ids: list[int]) -> str:
        """Return one letter a token."""
        return "x" * len(ids)
