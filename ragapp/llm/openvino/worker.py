"""OpenVINO GenAI in a process of its own: ``python -m ragapp.llm.openvino.worker``.

Its steps hold Python's lock, a long prompt's for more than half a second; here they hold up nobody
else. And should it run out of memory, the app lives on.

Lines of JSON come in on stdin and go out on stdout:

    {"folder": "…", "kv_blocks": 1024}                  first, once      → {"ready": true}
    {"begin": 7, "ids": [1, 2], "config": {…}}          a generation     → {"of": 7, "ids": [3]} …
    {"end": 7}                                          stop it            {"of": 7, "end": "stop"}

``config`` are attributes of GenAI's GenerationConfig. A prompt that is too long ends with
"no room". A failure comes as {"error": "…"}, with ``of`` if it is one generation's. The process
ends with its stdin.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from typing import Any, TextIO

from ragapp.untyped import Pipeline

NO_ROOM = "no room"
"""How a generation ends whose prompt is longer than the room for keys and values."""
STEP_TOKENS = 512
"""Most tokens computed at once, so that a long prompt lets the answers of others go on."""
ACTIVATION_GROUP = "128"
"""Activations that share a scale; measured at 32 (the default), 64 and 128: the longest that
divides the layers of a 0.5 B model was the quickest, 1.3 times the default in prefill."""
LOOKUP = {"max_ngram_size": 3, "num_assistant_tokens": 4}
"""Prompt lookup: where the last words stood in the prompt before, what followed them there is
guessed and checked in one step. Answers from documents quote them, so guesses are often right."""
WARMUP_TOKENS = 48
WARMUP = {"max_new_tokens": 2, "eos_token_id": 0, "stop_token_ids": [0]}


class Worker:
    """The generations that are running, and the pipeline that moves them on together."""

    def __init__(self, commands: queue.SimpleQueue[dict[str, Any] | None], out: TextIO) -> None:
        self._commands = commands
        self._out = out
        self._running: dict[int, Any] = {}
        self._pipeline: Pipeline = None

    def run(self) -> None:
        """Open the pipeline, then serve until there are no more commands."""
        first = self._commands.get()
        if first is None:
            return
        try:
            self._pipeline = open_pipeline(first["folder"], first["kv_blocks"])
        except RuntimeError as error:
            self._send(error=str(error))
            return
        self._send(ready=True)
        # The first inference arranges the weights for this processor, which takes a second.
        self._begin(0, [0] * WARMUP_TOKENS, WARMUP)
        while self._obey():
            try:
                self._pipeline.step()
            except RuntimeError as error:
                self._fail(str(error))
            for number in list(self._running):
                self._deliver(number)

    def _obey(self) -> bool:
        """Take all commands there are, waiting for one if there is nothing else to do."""
        while not self._running or not self._commands.empty():
            command = self._commands.get()
            if command is None:
                return False
            if "end" in command:
                if (handle := self._running.pop(command["end"], None)) is not None:
                    handle.stop()
            else:
                try:
                    self._begin(command["begin"], command["ids"], command["config"])
                except RuntimeError as error:
                    self._send(of=command["begin"], error=str(error))
        return True

    def _begin(self, number: int, ids: list[int], values: dict[str, Any]) -> None:
        import numpy as np
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        for name, value in (LOOKUP | values).items():
            setattr(config, name, set(value) if name == "stop_token_ids" else value)
        prompt = openvino.Tensor(np.array([ids], dtype=np.int64))
        self._running[number] = self._pipeline.add_request(number, prompt, config)

    def _deliver(self, number: int) -> None:
        """Hand over what a generation has said, and its end."""
        from openvino_genai import GenerationStatus

        handle = self._running[number]
        status = handle.get_status()
        while handle.can_read():
            for output in handle.read().values():
                self._send(of=number, ids=list(output.generated_ids))
        if status == GenerationStatus.RUNNING:
            return
        del self._running[number]
        if status == GenerationStatus.IGNORED:
            self._send(of=number, end=NO_ROOM)
        else:
            self._send(of=number, end="stop")

    def _fail(self, error: str) -> None:
        for number, handle in self._running.items():
            handle.stop()
            self._send(of=number, error=error)
        self._running = {}

    def _send(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()


def open_pipeline(folder: str, kv_blocks: int) -> Pipeline:
    """Open an export with a prefix cache of so many blocks.

    Raises:
        RuntimeError: OpenVINO cannot load it.
    """
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.max_num_batched_tokens = STEP_TOKENS
    scheduler.num_kv_blocks = kv_blocks
    properties = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": ACTIVATION_GROUP, "prompt_lookup": True}
    return openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", properties)


def main() -> None:
    """Serve the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end ends us
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not get between the lines
    commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        commands.put(None)

    threading.Thread(target=listen, name="stdin", daemon=True).start()
    worker = Worker(commands, out)
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        worker.run()
    os._exit(0)  # the parent does not wait, and libraries would take their time


if __name__ == "__main__":
    main()
