"""Peak memory and speed of a chat model whose layers stay on disk, beside the ordinary way: JSON.

    python benchmarks/low_memory.py [--model Qwen2.5-Coder-0.5B-Instruct] [--dtype bfloat16]

Each way runs in a process of its own, through the torch engine, greedily. Memory is the peak of
resident memory (VmHWM, Linux) above what the interpreter takes once torch and transformers are
imported: the tokenizer, the model's own code, its cache and what a pass computes all count. So do
weights that the ordinary way maps, once they have been touched. Uses the models of the settings.
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


def resident(field: str) -> int:
    """Return resident memory in bytes: VmRSS now, or VmHWM at its highest since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024


def run(options: argparse.Namespace, low_memory: bool) -> dict[str, object]:
    import torch
    from transformers import AutoModelForCausalLM

    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = resident("VmRSS")

    from ragapp.llm.decoding import Decoding
    from ragapp.llm.engine import Done, Message, context_limit
    from ragapp.llm.tokenizers.load import load_chat_tokenizer
    from ragapp.llm.torch.engine import TorchEngine
    from ragapp.llm.torch.layer_streaming import load_streamed
    from ragapp.settings import load_settings
    from ragapp.weights import pull

    folder = pull.resolve(options.model, load_settings().models)
    dtype = getattr(torch, options.dtype)
    tokenizer = load_chat_tokenizer(folder, options.model)
    with_tokenizer = resident("VmHWM")
    started = time.perf_counter()
    if low_memory:
        model = load_streamed(folder, name=options.model, device="cpu", dtype=dtype)
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    loaded = time.perf_counter()

    said: list[int] = []
    generate = model.generate

    def recorded(ids: torch.Tensor, **arguments: object) -> torch.Tensor:
        answer = generate(ids, **arguments)
        said.extend(answer[0, ids.shape[1] :].tolist())
        return answer

    model.generate = recorded  # the engine tells texts, not ids
    engine = TorchEngine(model, tokenizer, options.model, context_limit(model.config, 0))
    messages = [Message("user", PROMPT * options.repeat)]
    decoding = Decoding(max_new_tokens=options.tokens)
    *_, done = engine.generate(messages, decoding, lambda: False)
    assert isinstance(done, Done)
    return {
        "checkpoint_bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        "peak_bytes": resident("VmHWM") - before,
        "peak_before_the_model_bytes": with_tokenizer - before,
        "load_s": loaded - started,
        "prompt_tokens": done.prompt_tokens,
        "new_tokens": done.completion_tokens,
        "first_token_s": done.first_token_s,
        "tokens_per_s": done.tokens_per_s,
        "ids": said,
    }


def measured(arguments: list[str], way: str) -> dict[str, object]:
    command = [sys.executable, __file__, *arguments, "--way", way]
    return json.loads(subprocess.check_output(command, text=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="Qwen2.5-Coder-0.5B-Instruct")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=10, help="how often the prompt says its text")
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
