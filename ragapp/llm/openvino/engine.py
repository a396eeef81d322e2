"""Text generation on CPUs with OpenVINO GenAI: prefix caching, several conversations at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragapp.errors import EngineError, ModelError, UsageError
from ragapp.llm.batch import generate_concurrently, require_chat
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import BatchOutcome, Done, EngineKind, Message, Prompt, Text, Thought
from ragapp.llm.openvino.process import NoRoom, OpenVinoProcess, ProcessEnded
from ragapp.llm.reader import AnswerReader
from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.types import CancelCheck

BLOCK_TOKENS = 32
"""The length of a block of OpenVINO's key-value cache on CPUs; whole blocks are reused."""
CACHED_CONTEXTS = 4
"""Room in the key-value cache, in times the context: four people's conversations."""


def open_export(folder: Path, name: str, context_tokens: int) -> OpenVinoProcess:
    """Start OpenVINO with an export.

    Raises:
        ModelError: the export cannot be loaded.
    """
    try:
        return OpenVinoProcess(folder, CACHED_CONTEXTS * context_tokens // BLOCK_TOKENS)
    except ProcessEnded as error:
        raise ModelError(
            "openvino_ended_loading", name=name, folder=folder, exit_code=error.exit_code
        ) from error
    except RuntimeError as error:
        raise ModelError(
            "openvino_cannot_load", name=name, folder=folder, reason=str(error)
        ) from error


class OpenVinoEngine:
    """A chat model that was exported for OpenVINO; generations of several threads run together."""

    kind = EngineKind.OPENVINO
    dtype = "the engine's"
    caches_prefixes = True
    continues_texts = False

    def __init__(
        self, process: OpenVinoProcess, tokenizer: ChatTokenizer, name: str, context_tokens: int
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.tokenizer = tokenizer
        self._process = process

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of a prompt as the chat template renders it."""
        return len(self.tokenizer.prompt_ids(require_chat(prompt, self.name)))

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
        return self.tokenizer.neutralise(text)

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together, or that OpenVINO GenAI does not have."""
        decoding.check()
        if lacking := decoding.beyond_sampling:
            raise UsageError("openvino_lacks", settings=", ".join(lacking))

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[Thought | Text | Done]:
        """Stream an answer; the last item is a ``Done``. How much was cached is not told.

        Raises:
            EngineError: OpenVINO failed, or the prompt does not fit its cache.
        """
        self.check(decoding)
        started = time.perf_counter()
        prompt = self.tokenizer.prompt_ids(messages)
        room = self.context_tokens - len(prompt)
        decoding = replace(decoding, max_new_tokens=max(1, min(decoding.max_new_tokens, room)))
        answer = AnswerReader(
            self.tokenizer, decoding, started=started, thinking=self.tokenizer.opens_thinking
        )
        request = None
        try:
            request = self._process.begin(prompt, self._generation_config(decoding))
            yield from answer.read(request.tokens(cancel))
        except ProcessEnded as error:
            raise EngineError(
                "openvino_ended", name=self.name, exit_code=error.exit_code
            ) from error
        except NoRoom as error:
            raise EngineError("openvino_no_room_for_prompt", name=self.name) from error
        except RuntimeError as error:
            raise EngineError("openvino_failed", name=self.name, reason=str(error)) from error
        finally:
            if request is not None:
                self._process.end(request)
        yield answer.done(len(prompt), None, cancelled=request.cancelled)

    def generate_batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
    ) -> list[BatchOutcome]:
        """Answer several chats at once; OpenVINO computes them together."""
        return generate_concurrently(self, prompts, decoding, cancel)

    def _generation_config(self, decoding: Decoding) -> dict[str, Any]:
        config: dict[str, Any] = {
            "max_new_tokens": decoding.max_new_tokens,
            "eos_token_id": self.tokenizer.terminators[0],
            "stop_token_ids": list(self.tokenizer.terminators),
            "repetition_penalty": decoding.repetition_penalty,
            "do_sample": decoding.do_sample,
        }
        for name in ("temperature", "top_k", "top_p", "min_p"):
            if (value := getattr(decoding, name)) is not None:
                config[name] = value
        if decoding.do_sample:
            config["rng_seed"] = time.time_ns() % 2**32 if decoding.seed is None else decoding.seed
        return config
