"""llama.cpp as a peer: reads requests as JSON lines, answers with times. Runs in its own venv.

    python llama_worker.py FILE.gguf CONTEXT THREADS ID…  then {"ids": [...], "new": 64} a line
    python llama_worker.py quantize FROM.gguf TO.gguf Q4_0

Prompts come as token ids, so that both engines compute the same ones; generation is greedy and
ends at a stop id.
"""

import ctypes
import json
import sys
import time


def quantize(source: str, target: str, kind: str) -> None:
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    parameters.allow_requantize = True
    code = llama_cpp.llama_model_quantize(
        source.encode(), target.encode(), ctypes.byref(parameters)
    )
    if code:
        raise SystemExit(f"llama.cpp could not quantise {source} to {kind}: {code}")


def serve(file: str, context: int, threads: int, stop: set[int]) -> None:
    import llama_cpp

    started = time.perf_counter()
    model = llama_cpp.Llama(
        file,
        n_ctx=context,
        n_threads=threads,
        n_threads_batch=threads,
        n_batch=2048,
        n_ubatch=512,
        flash_attn=True,
        verbose=False,
    )
    print(json.dumps({"load_s": time.perf_counter() - started}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        model.reset()  # no reuse of an earlier prompt
        started = time.perf_counter()
        first = None
        ids = []
        for token in model.generate(request["ids"], temp=0.0, reset=True):
            ids.append(token)
            first = first or time.perf_counter() - started
            if token in stop or len(ids) >= request["new"]:
                break
        total = time.perf_counter() - started
        rate = (len(ids) - 1) / (total - first) if len(ids) > 1 else None
        print(json.dumps({"first_token_s": first, "tokens_per_s": rate, "ids": ids}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "quantize":
        quantize(*sys.argv[2:5])
    else:
        serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), set(map(int, sys.argv[4:])))
