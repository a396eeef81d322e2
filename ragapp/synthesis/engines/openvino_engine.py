"""Text generation on CPUs with OpenVINO GenAI: prefix caching, several conversations at once."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragapp.errors import EngineError, ModelError, UsageError
from ragapp.synthesis import decoding as decodings
from ragapp.synthesis.chat_tokenizer import ChatTokenizer
from ragapp.synthesis.decoding import Decoding, Mode
from ragapp.synthesis.engine import GenerationDone, Message, TextDelta, decode_rate
from ragapp.synthesis.engines.cached_prefix import CachedPrefixes
from ragapp.synthesis.stream import IncrementalDetokeniser
from ragapp.types import CancelCheck, FinishReason

logger = logging.getLogger(__name__)

BLOCK_TOKENS = 32
"""The length of a block of OpenVINO's key-value cache on CPUs; whole blocks are reused."""
CACHED_CONTEXTS = 4
"""Room in the key-value cache, in times the context: four people's conversations."""
STEP_TOKENS = 512
"""Most tokens computed at once, so that a long prompt lets the answers of others go on."""
ACTIVATION_GROUP = "128"
"""Activations that share a scale; measured at 32 (the default), 64 and 128: the longest that
divides the layers of a 0.5 B model was the quickest, 1.3 times the default in prefill."""
WARMUP_TOKENS = 48
POLL_S = 0.05
"""How often a waiting reader looks whether it was told to stop."""


class OpenVinoEngine:
    """A chat model that was exported for OpenVINO; generations of several threads run together."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - OpenVINO GenAI is untyped
        tokenizer: ChatTokenizer,
        name: str,
        context_tokens: int,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._tokenizer = tokenizer
        self._stepper = _Stepper(pipeline)
        self._cached = CachedPrefixes(CACHED_CONTEXTS * context_tokens, BLOCK_TOKENS)

    @classmethod
    def load(
        cls, folder: Path, tokenizer: ChatTokenizer, *, name: str, context_tokens: int
    ) -> OpenVinoEngine:
        """Load an export, and run it once, which arranges its weights for this processor.

        Raises:
            ModelError: the export cannot be loaded.
        """
        import openvino_genai

        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.max_num_batched_tokens = STEP_TOKENS
        scheduler.num_kv_blocks = CACHED_CONTEXTS * context_tokens // BLOCK_TOKENS
        try:
            pipeline = openvino_genai.ContinuousBatchingPipeline(
                folder, scheduler, "CPU", {"DYNAMIC_QUANTIZATION_GROUP_SIZE": ACTIVATION_GROUP}
            )
        except RuntimeError as error:
            raise ModelError(
                f"chat model '{name}'",
                f"OpenVINO cannot load {folder} ({error})",
                "Delete that folder, and it is made anew; or set RAGAPP_ENGINE=torch.",
            ) from error
        engine = cls(pipeline, tokenizer, name, context_tokens)
        engine._warm_up()
        return engine

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt as the chat template renders it."""
        return len(self._tokenizer.prompt_ids(messages))

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
        return self._tokenizer.neutralise(text)

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together, or that OpenVINO GenAI does not have."""
        decodings.check(decoding)
        lacking: list[str] = []
        if decodings.mode(decoding) not in (Mode.GREEDY, Mode.SAMPLING):
            lacking.append(decodings.mode(decoding))
        lacking += ["forbidden_words"] if decoding.forbidden_words else []
        lacking += ["no_repeat_ngram_size"] if decoding.no_repeat_ngram_size else []
        if lacking:
            raise UsageError(
                " and ".join(lacking),
                "the OpenVINO engine does not have it",
                "Set RAGAPP_ENGINE=torch (or --engine torch) for this.",
            )

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[TextDelta | GenerationDone]:
        """Stream an answer; the last item is a ``GenerationDone``.

        Raises:
            EngineError: OpenVINO failed, or the prompt does not fit its cache.
        """
        started = time.perf_counter()
        prompt = self._tokenizer.prompt_ids(messages)
        request = self._stepper.begin(prompt, self._generation_config(decoding))
        detokeniser = IncrementalDetokeniser(self._tokenizer.decode)
        said: list[int] = []
        first_token_s: float | None = None
        reason: FinishReason | None = None
        try:
            while reason is None:
                event = request.next(POLL_S)
                if cancel():
                    reason = FinishReason.CANCELLED
                if isinstance(event, int):
                    first_token_s = first_token_s or time.perf_counter() - started
                    said.append(event)
                    if event not in self._tokenizer.terminators and (
                        text := detokeniser.push(event)
                    ):
                        yield TextDelta(text)
                elif isinstance(event, Exception):
                    raise self._failure(event) from event
                elif isinstance(event, FinishReason):
                    reason = event
            if text := detokeniser.finish():
                yield TextDelta(text)
        finally:
            self._stepper.end(request)
        total_s = time.perf_counter() - started
        yield GenerationDone(
            finish_reason=reason,
            prompt_tokens=len(prompt),
            cached_tokens=self._cached.take(prompt, said),
            completion_tokens=len(said),
            first_token_s=first_token_s,
            tokens_per_s=decode_rate(len(said), first_token_s, total_s),
        )

    def _generation_config(self, decoding: Decoding) -> Any:  # noqa: ANN401
        import openvino_genai

        self.check(decoding)
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = decoding.max_new_tokens
        config.eos_token_id = self._tokenizer.terminators[0]
        config.stop_token_ids = set(self._tokenizer.terminators)
        config.repetition_penalty = decoding.repetition_penalty
        config.do_sample = decoding.do_sample
        for value in ("temperature", "top_k", "top_p", "min_p"):
            if getattr(decoding, value) is not None:
                setattr(config, value, getattr(decoding, value))
        if decoding.do_sample:
            config.rng_seed = time.time_ns() % 2**32 if decoding.seed is None else decoding.seed
        return config

    def _failure(self, error: Exception) -> EngineError:
        return EngineError(
            f"generation with '{self.name}'",
            str(error),
            "Ask again with a shorter question, or set RAGAPP_ENGINE=torch.",
        )

    def _warm_up(self) -> None:
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = 2
        request = self._stepper.begin([self._tokenizer.terminators[0]] * WARMUP_TOKENS, config)
        while not isinstance(request.next(POLL_S), FinishReason | Exception):
            pass
        self._stepper.end(request)


@dataclass(slots=True)
class _Request:
    """One running generation, and what it has said that was not read yet."""

    handle: Any
    events: queue.SimpleQueue[int | FinishReason | Exception] = field(
        default_factory=queue.SimpleQueue
    )

    def next(self, timeout_s: float) -> int | FinishReason | Exception | None:
        """Return the next token, the end, or None when nothing came in time."""
        try:
            return self.events.get(timeout=timeout_s)
        except queue.Empty:
            return None


class _Stepper:
    """The thread that moves every running generation on by one token at a time."""

    def __init__(self, pipeline: Any) -> None:  # noqa: ANN401
        self._pipeline = pipeline
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._running: list[_Request] = []
        self._thread: threading.Thread | None = None

    def begin(self, prompt: Sequence[int], config: Any) -> _Request:  # noqa: ANN401
        """Start a generation."""
        import numpy as np
        import openvino

        ids = openvino.Tensor(np.array([prompt], dtype=np.int64))
        with self._changed:
            request = _Request(self._pipeline.add_request(next(self._numbers), ids, config))
            self._running.append(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._step, name="openvino", daemon=True)
                self._thread.start()
            self._changed.notify()
        return request

    def end(self, request: _Request) -> None:
        """Stop a generation if it still runs; its cache stays for the next one."""
        with self._changed:
            if request in self._running:
                self._running.remove(request)
                request.handle.stop()

    def _step(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running)
            try:
                self._pipeline.step()
            except RuntimeError as error:
                logger.exception("a step of OpenVINO GenAI")
                self._fail_all(error)
                continue
            with self._changed:
                self._running = [request for request in self._running if _deliver(request)]

    def _fail_all(self, error: Exception) -> None:
        with self._changed:
            for request in self._running:
                request.events.put(error)
                request.handle.stop()
            self._running = []


def _deliver(request: _Request) -> bool:
    """Hand over what a generation has said; says whether it goes on."""
    from openvino_genai import GenerationFinishReason, GenerationStatus

    status = request.handle.get_status()
    limit_reached = False
    while request.handle.can_read():
        for output in request.handle.read().values():
            for token in output.generated_ids:
                request.events.put(token)
            limit_reached = output.finish_reason == GenerationFinishReason.LENGTH
    if status == GenerationStatus.RUNNING:
        return True
    if status == GenerationStatus.IGNORED:
        request.events.put(RuntimeError("the prompt is longer than the room for keys and values"))
    else:
        request.events.put(FinishReason.LENGTH if limit_reached else FinishReason.STOP)
    return False
