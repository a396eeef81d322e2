"""Text generation with transformers, on CPU or CUDA."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp.errors import EngineError, ModelError
from ragapp.synthesis import decoding as decodings
from ragapp.synthesis.chat_tokenizer import ChatTokenizer, load_chat_tokenizer
from ragapp.synthesis.decoding import Decoding
from ragapp.synthesis.engine import GenerationDone, Message, TextDelta
from ragapp.synthesis.stream import IncrementalDetokeniser
from ragapp.types import CancelCheck, FinishReason

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

LONGEST_CONTEXT = 8192
"""Unless the settings ask for more: the KV cache of a declared 128k would fill a laptop."""


class TorchEngine:
    """A causal language model with a chat template. One generation runs at a time."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers is untyped here
        tokenizer: ChatTokenizer,
        name: str,
        context_tokens: int,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._model = model
        self._tokenizer = tokenizer
        self._busy = threading.Lock()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        name: str,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        context_tokens: int = 0,
        thinking: bool = False,
        trust_remote_code: bool = False,
    ) -> TorchEngine:
        """Load a chat model from a local folder.

        Raises:
            ModelError: there is no causal language model in it, or it has no chat template.
        """
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        tokenizer = load_chat_tokenizer(
            folder, name, thinking=thinking, trust_remote_code=trust_remote_code
        )
        try:
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, trust_remote_code=trust_remote_code
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"chat model '{name}'",
                f"{folder} cannot be loaded ({error})",
                f"Fetch it again with `ragapp models pull {name}`.",
            ) from error
        declared = getattr(model.config, "max_position_embeddings", LONGEST_CONTEXT)
        limit = context_tokens or min(declared, LONGEST_CONTEXT)
        return cls(model.to(device).eval(), tokenizer, name, min(limit, declared))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt as the chat template renders it."""
        return len(self._tokenizer.prompt_ids(messages))

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
        return self._tokenizer.neutralise(text)

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together."""
        decodings.check(decoding)

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[TextDelta | GenerationDone]:
        """Stream an answer; the last item is a ``GenerationDone``.

        Raises:
            EngineError: the model failed, out of memory for example.
        """
        while not self._busy.acquire(timeout=0.1):
            if cancel():
                yield GenerationDone(FinishReason.CANCELLED, 0, 0, 0, None, None)
                return
        try:
            yield from self._generate(self._tokenizer.prompt_ids(messages), decoding, cancel)
        finally:
            self._busy.release()

    def _generate(
        self, prompt: list[int], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[TextDelta | GenerationDone]:
        started = time.perf_counter()
        abandoned = threading.Event()
        tokens = _TokenQueue(stop=lambda: abandoned.is_set() or cancel())
        worker = threading.Thread(
            target=self._run, args=(prompt, decoding, tokens), name="generate", daemon=True
        )
        worker.start()
        detokeniser = IncrementalDetokeniser(self._tokenizer.decode)
        count, first_token_s = 0, None
        try:
            for token in tokens:
                count += 1
                if first_token_s is None:
                    first_token_s = time.perf_counter() - started
                if text := detokeniser.push(token):
                    yield TextDelta(text)
            if text := detokeniser.finish():
                yield TextDelta(text)
        finally:
            abandoned.set()
            worker.join()
        if tokens.error is not None:
            raise EngineError(
                f"generation with '{self.name}'",
                str(tokens.error),
                "Ask a shorter question, or choose a smaller model.",
            ) from tokens.error
        yield GenerationDone(
            finish_reason=_finish_reason(cancel(), count, decoding),
            prompt_tokens=len(prompt),
            cached_tokens=0,
            completion_tokens=count,
            first_token_s=first_token_s,
            tokens_per_s=_rate(count, first_token_s, time.perf_counter() - started),
        )

    def _run(self, prompt: list[int], decoding: Decoding, tokens: _TokenQueue) -> None:
        import torch

        try:
            ids = torch.tensor([prompt], device=self._model.device)
            if decoding.seed is not None:
                torch.manual_seed(decoding.seed)
            with torch.inference_mode():
                self._model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    streamer=tokens,
                    stopping_criteria=[tokens.stop_criterion],
                    eos_token_id=list(self._tokenizer.terminators),
                    pad_token_id=self._tokenizer.terminators[0],
                    **_generate_arguments(decoding),
                )
        except Exception as error:  # noqa: BLE001 - the reader raises it again, as EngineError
            tokens.error = error
        finally:
            tokens.end()


class _TokenQueue:
    """The streamer that ``generate`` feeds from its thread, read as an iterator of token ids."""

    def __init__(self, stop: CancelCheck) -> None:
        self._stop = stop
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._prompt_seen = False
        self.error: Exception | None = None

    def put(self, value: torch.Tensor) -> None:
        """Take token ids: the prompt in the first call, then one at a time."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for token in value.flatten().tolist():
            self._queue.put(token)

    def end(self) -> None:
        """Close the queue."""
        self._queue.put(None)

    def stop_criterion(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ANN401
        """Tell ``generate`` whether to stop, asked after each token."""
        import torch

        return torch.full((input_ids.shape[0],), self._stop(), device=input_ids.device)

    def __iter__(self) -> Iterator[int]:
        while (token := self._queue.get()) is not None:
            yield token


def _generate_arguments(decoding: Decoding) -> dict[str, Any]:
    return {
        "max_new_tokens": decoding.max_new_tokens,
        "do_sample": decoding.do_sample,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
        "repetition_penalty": decoding.repetition_penalty,
    }


def _finish_reason(cancelled: bool, count: int, decoding: Decoding) -> FinishReason:
    if cancelled:
        return FinishReason.CANCELLED
    if count >= decoding.max_new_tokens:
        return FinishReason.LENGTH
    return FinishReason.STOP


def _rate(count: int, first_token_s: float | None, total_s: float) -> float | None:
    if first_token_s is None or count < 2 or total_s <= first_token_s:
        return None
    return (count - 1) / (total_s - first_token_s)
