"""Text generation on CPUs with OpenVINO GenAI: prefix caching, several conversations at once."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ragapp.errors import EngineError, ModelError, UsageError
from ragapp.synthesis import decoding as decodings
from ragapp.synthesis.chat_tokenizer import ChatTokenizer
from ragapp.synthesis.decoding import Decoding, Mode
from ragapp.synthesis.engine import GenerationDone, Message, TextDelta, decode_rate
from ragapp.synthesis.engines.cached_prefix import CachedPrefixes
from ragapp.synthesis.stream import AnswerReader
from ragapp.types import CancelCheck, never_cancel

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
LOOKUP_NGRAM, LOOKUP_TOKENS = 3, 4
"""Prompt lookup: where the last words stood in the prompt before, what followed them there is
guessed and checked in one step. Answers from documents quote them, so guesses are often right."""
WARMUP_TOKENS = 48
PROPERTIES = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": ACTIVATION_GROUP, "prompt_lookup": True}
NO_ROOM = "the prompt is longer than the room for keys and values"
POLL_S = 0.05
"""How often a waiting reader looks whether it was told to stop."""


class OpenVinoEngine:
    """A chat model that was exported for OpenVINO; generations of several threads run together."""

    caches_prefixes = True

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - OpenVINO GenAI is untyped
        tokenizer: ChatTokenizer,
        name: str,
        context_tokens: int,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.tokenizer = tokenizer
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
                folder, scheduler, "CPU", PROPERTIES
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
        return len(self.tokenizer.prompt_ids(messages))

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
        return self.tokenizer.neutralise(text)

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
        self.check(decoding)
        started = time.perf_counter()
        prompt = self.tokenizer.prompt_ids(messages)
        room = self.context_tokens - len(prompt)
        decoding = replace(decoding, max_new_tokens=max(1, min(decoding.max_new_tokens, room)))
        request = self._stepper.begin(prompt, self._generation_config(decoding))
        answer = AnswerReader(self.tokenizer, decoding)
        first_token_s: float | None = None
        try:
            for text in answer.read(request.tokens(cancel)):
                if first_token_s is None and answer.tokens:
                    first_token_s = time.perf_counter() - started
                if text:
                    yield TextDelta(text)
        except RuntimeError as error:
            raise EngineError(
                f"generation with '{self.name}'",
                str(error),
                "Ask again with a shorter question, or set RAGAPP_ENGINE=torch.",
            ) from error
        finally:
            self._stepper.end(request)
        yield GenerationDone(
            finish_reason=answer.finish_reason(request.cancelled),
            prompt_tokens=len(prompt),
            cached_tokens=self._cached.take(prompt, request.said),
            completion_tokens=answer.tokens,
            first_token_s=first_token_s,
            tokens_per_s=decode_rate(answer.tokens, first_token_s, time.perf_counter() - started),
        )

    def _generation_config(self, decoding: Decoding) -> Any:  # noqa: ANN401
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = decoding.max_new_tokens
        config.eos_token_id = self.tokenizer.terminators[0]
        config.stop_token_ids = set(self.tokenizer.terminators)
        config.repetition_penalty = decoding.repetition_penalty
        config.do_sample = decoding.do_sample
        config.max_ngram_size, config.num_assistant_tokens = LOOKUP_NGRAM, LOOKUP_TOKENS
        for value in ("temperature", "top_k", "top_p", "min_p"):
            if getattr(decoding, value) is not None:
                setattr(config, value, getattr(decoding, value))
        if decoding.do_sample:
            config.rng_seed = time.time_ns() % 2**32 if decoding.seed is None else decoding.seed
        return config

    def _warm_up(self) -> None:
        config = self._generation_config(Decoding(max_new_tokens=2))
        request = self._stepper.begin([self.tokenizer.terminators[0]] * WARMUP_TOKENS, config)
        for _ in request.tokens(never_cancel):
            pass


@dataclass(slots=True)
class _Request:
    """One running generation; ``events`` are its tokens, then None or what went wrong."""

    handle: Any
    events: queue.SimpleQueue[int | Exception | None] = field(default_factory=queue.SimpleQueue)
    said: list[int] = field(default_factory=list)
    cancelled: bool = False

    def tokens(self, cancel: CancelCheck) -> Iterator[int]:
        """Yield the tokens as they come, until the end or until told to stop."""
        while not self.cancelled:
            self.cancelled = cancel()
            try:
                event = self.events.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            self.said.append(event)
            yield event


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
    from openvino_genai import GenerationStatus

    status = request.handle.get_status()
    while request.handle.can_read():
        for output in request.handle.read().values():
            for token in output.generated_ids:
                request.events.put(token)
    if status == GenerationStatus.RUNNING:
        return True
    ignored = status == GenerationStatus.IGNORED
    request.events.put(RuntimeError(NO_ROOM) if ignored else None)
    return False
