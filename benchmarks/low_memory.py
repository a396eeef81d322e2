"""Peak memory and speed of a chat model whose layers stay on disk, beside the ordinary way: JSON.

    python benchmarks/low_memory.py [--model Qwen2.5-Coder-0.5B-Instruct] [--dtype bfloat16]

Each way runs in a process of its own. Memory is the peak of resident memory (VmHWM, Linux) above
what torch and transformers take when they are imported. Weights that the ordinary way maps count
once they have been touched. Uses the models of the present settings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

PROMPT = (
    "Explain in three sentences how a bicycle stays upright. "
    "然后用中文说明为什么自行车行驶时不会倒下。"
)


def resident_peak() -> int:
    """Return the peak since it was last reset, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def run(options: argparse.Namespace, low_memory: bool) -> dict[str, object]:
    import importlib

    import torch
    from transformers import AutoConfig

    from ragapp.settings import load_settings
    from ragapp.synthesis.chat_tokenizer import load_chat_tokenizer
    from ragapp.synthesis.engine import Message
    from ragapp.synthesis.engines.torch_model import load_model
    from ragapp.weights import pull

    folder = pull.resolve(options.model, load_settings().models)
    kind = AutoConfig.from_pretrained(folder).model_type
    importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    tokenizer = load_chat_tokenizer(folder, options.model)
    ids = torch.tensor([tokenizer.prompt_ids([Message("user", PROMPT * options.repeat)])])

    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = resident_peak()
    started = time.perf_counter()
    dtype = getattr(torch, options.dtype)
    model = load_model(folder, name=options.model, dtype=dtype, low_memory=low_memory)
    loaded = time.perf_counter()
    times = []

    def tick(ids: torch.Tensor, _: object, **__: object) -> torch.Tensor:
        times.append(time.perf_counter())
        return torch.zeros(len(ids), dtype=torch.bool)

    with torch.inference_mode():
        answer = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=options.tokens,
            do_sample=False,
            eos_token_id=list(tokenizer.terminators),
            pad_token_id=tokenizer.terminators[0],
            stopping_criteria=[tick],
        )
    said = answer[0, ids.shape[1] :].tolist()
    return {
        "checkpoint_bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        "peak_bytes": resident_peak() - before,
        "load_s": loaded - started,
        "prompt_tokens": ids.shape[1],
        "first_token_s": times[0] - loaded,
        "tokens_per_s": (len(times) - 1) / (times[-1] - times[0]),
        "ids": said,
    }


def measured(arguments: list[str], way: str) -> dict[str, object]:
    command = [sys.executable, __file__, *arguments, "--way", way]
    return json.loads(subprocess.check_output(command, text=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="Qwen2.5-Coder-0.5B-Instruct")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=8, help="how often the prompt says its text")
    parser.add_argument("--way", choices=["low_memory", "ordinary"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(run(options, options.way == "low_memory")))
        return
    low, ordinary = (measured(sys.argv[1:], way) for way in ("low_memory", "ordinary"))
    same = low.pop("ids") == ordinary.pop("ids")
    size = low.pop("checkpoint_bytes")
    ordinary.pop("checkpoint_bytes")
    report = {
        "model": options.model,
        "dtype": options.dtype,
        "checkpoint_bytes": size,
        "peak_of_checkpoint": low["peak_bytes"] / size,
        "same_answer": same,
        "low_memory": low,
        "ordinary": ordinary,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
