"""Text generation with transformers, on CPU or CUDA."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ragapp.errors import EngineError, RagappError
from ragapp.llm.decoding import Decoding, Mode
from ragapp.llm.engine import (
    BatchOutcome,
    Done,
    EngineKind,
    Message,
    Prompt,
    Text,
    Thought,
    context_limit,
)
from ragapp.llm.options import ChatOptions
from ragapp.llm.reader import AnswerReader
from ragapp.llm.tokenizers.load import load_chat_tokenizer
from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.llm.torch.arguments import (
    generation_arguments,
    logits_processors,
    seeded,
    stopping_criteria,
)
from ragapp.llm.torch.batch import generate_padded
from ragapp.llm.torch.model import load_model
from ragapp.llm.torch.out_of_memory import give_back_memory, is_out_of_memory
from ragapp.llm.torch.prefix_cache import PrefixCache, reusable
from ragapp.llm.torch.token_queue import TokenQueue
from ragapp.types import CancelCheck, FinishReason
from ragapp.untyped import CausalLM, KeyValueCache

logger = logging.getLogger(__name__)

REUSES_PREFIXES = (Mode.GREEDY, Mode.SAMPLING)
"""The others read several texts at a time, whose caches are no conversation's."""


class TorchEngine:
    """A causal language model with a chat template. One generation, or batch, runs at a time."""

    kind = EngineKind.TORCH
    caches_prefixes = True
    continues_texts = True

    def __init__(
        self, model: CausalLM, tokenizer: ChatTokenizer, name: str, context_tokens: int
    ) -> None:
        self.name = name
        self.dtype = str(model.dtype).removeprefix("torch.")
        self.context_tokens = context_tokens
        self._model = model
        self._tokenizer = tokenizer
        self._busy = threading.Lock()
        self._prefixes = PrefixCache()

    @classmethod
    def load(cls, folder: Path, name: str, options: ChatOptions) -> TorchEngine:
        """Load a chat model from a local folder.

        Raises:
            ModelError: there is no causal language model in it, it has no chat template, or the
                adapter does not fit. SettingsError: what is asked for does not go together.
        """
        if options.trusts(name):  # before its tokenizer, the first to run any
            logger.warning("%s may run code of its own, as trust_remote_code allows", name)
        tokenizer = load_chat_tokenizer(
            folder,
            name,
            thinking=options.thinking,
            trust_remote_code=options.trusts(name),
        )
        model = load_model(folder, name, options)
        return cls(model, tokenizer, name, context_limit(model.config, options.context_tokens))

    @property
    def tokenizer(self) -> ChatTokenizer:
        """The tokenizer with the model's chat format."""
        return self._tokenizer

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of a prompt, of a chat as the template renders it."""
        return len(self._ids(prompt))

    def neutralise(self, text: str) -> str:
        """Return text in which nothing can be read as a control token of the model."""
        return self._tokenizer.neutralise(text)

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together."""
        decoding.check()

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[Thought | Text | Done]:
        """Stream an answer; the last item is a ``Done``.

        Raises:
            UsageError: the values of ``decoding`` do not go together.
            EngineError: the model failed, out of memory for example.
        """
        self.check(decoding)
        if not self._wait_until_free(cancel):
            yield Done(FinishReason.CANCELLED, 0, 0, 0, None, None)
            return
        try:
            yield from self._generate(self._ids(messages), decoding, cancel)
        finally:
            self._busy.release()

    def generate_batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
    ) -> list[BatchOutcome]:
        """Answer several prompts at once, padded; in halves, should the memory run out.

        Raises:
            UsageError: the values of ``decoding`` do not go together.
        """
        self.check(decoding)
        if not self._wait_until_free(cancel):
            return [None] * len(prompts)
        try:
            return self._generate_batch(prompts, decoding, cancel)
        finally:
            self._busy.release()

    def _generate_batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
    ) -> list[BatchOutcome]:
        opened = self._tokenizer.opens_thinking
        try:
            answers = generate_padded(
                self._model,
                self._tokenizer,
                [self._ids(prompt) for prompt in prompts],
                decoding,
                self.context_tokens,
                cancel,
                thinking=[opened and not isinstance(prompt, str) for prompt in prompts],
            )
        except Exception as error:  # noqa: BLE001 - of many kinds; other prompts may still work
            if len(prompts) == 1 or not is_out_of_memory(error):
                reason = str(error) or type(error).__name__
                failure = EngineError("batch_generation_failed", name=self.name, reason=reason)
                failure.__cause__ = error
                return [failure] * len(prompts)
            give_back_memory()
        else:
            return [None] * len(prompts) if answers is None else [*answers]
        half = len(prompts) // 2
        logger.warning("the memory ran out with %d prompts at a time: now %d", len(prompts), half)
        halves = (prompts[:half], prompts[half:])
        return [each for part in halves for each in self._generate_batch(part, decoding, cancel)]

    def _ids(self, prompt: Prompt) -> list[int]:
        if isinstance(prompt, str):
            return self._tokenizer.completion_ids(prompt)
        return self._tokenizer.prompt_ids(prompt)

    def _wait_until_free(self, cancel: CancelCheck) -> bool:
        """Wait for the answer in work, and keep others waiting; False if it was cancelled."""
        while not self._busy.acquire(timeout=0.1):
            if cancel():
                return False
        return True

    def _generate(
        self, prompt: list[int], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[Thought | Text | Done]:
        started = time.perf_counter()
        room = self.context_tokens - len(prompt)
        decoding = replace(decoding, max_new_tokens=max(1, min(decoding.max_new_tokens, room)))
        tokens = TokenQueue(cancel)
        worker = threading.Thread(
            target=self._run, args=(prompt, decoding, tokens), name="generate", daemon=True
        )
        worker.start()
        answer = AnswerReader(
            self._tokenizer, decoding, started=started, thinking=self._tokenizer.opens_thinking
        )
        try:
            yield from answer.read(tokens)
        finally:
            tokens.abandon()
            worker.join()
        if isinstance(tokens.error, RagappError):  # a weight file cut short, for example
            raise tokens.error
        if tokens.error is not None:
            raise self._failed(tokens.error) from tokens.error
        yield answer.done(len(prompt), tokens.cached_tokens, cancelled=tokens.cancelled)

    def _failed(self, error: Exception) -> EngineError:
        if is_out_of_memory(error):
            return EngineError("no_memory_to_generate", name=self.name, reason=str(error))
        reason = str(error) or type(error).__name__
        return EngineError("generation_failed", name=self.name, reason=reason)

    def _run(self, prompt: list[int], decoding: Decoding, tokens: TokenQueue) -> None:
        """Feed the queue, in a thread of its own; a second time if the memory runs out."""
        import torch

        try:
            with torch.inference_mode(), seeded(decoding, self._model.device):
                if not self._decode(prompt, decoding, tokens):
                    logger.warning(
                        "The memory ran out. Trying once more without earlier conversations."
                    )
                    self._prefixes.clear()
                    give_back_memory()
                    self._decode(prompt, decoding, tokens, last_try=True)
        except Exception as error:  # noqa: BLE001 - the reader raises it again, as EngineError
            tokens.error = error
        finally:
            tokens.end()

    def _decode(
        self, prompt: list[int], decoding: Decoding, tokens: TokenQueue, last_try: bool = False
    ) -> bool:
        """Go on from the prompt and what has been said; return False if the memory ran out."""
        try:
            if not tokens.stopped():
                self._continue(prompt, decoding, tokens)
        except Exception as error:
            if last_try or not is_out_of_memory(error):
                raise
            return False
        return True

    def _continue(self, prompt: list[int], decoding: Decoding, tokens: TokenQueue) -> None:
        import torch

        said = prompt + tokens.said
        ids = torch.tensor([said], device=self._model.device)
        arguments = generation_arguments(decoding)
        arguments["max_new_tokens"] -= len(tokens.said)
        cache = None
        if decoding.mode in REUSES_PREFIXES:
            cache, tokens.cached_tokens = self._cache(said)
        if cache is not None:
            arguments["past_key_values"] = cache
        criteria = stopping_criteria(decoding, self._tokenizer, len(prompt))
        criteria.append(tokens.take_and_stop if decoding.streams else tokens.stop)
        sequences = self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            logits_processor=logits_processors(decoding, self._tokenizer, len(prompt)),
            stopping_criteria=criteria,
            eos_token_id=list(self._tokenizer.terminators),
            pad_token_id=self._tokenizer.terminators[0],
            **arguments,
        )
        if not decoding.streams:
            tokens.put(sequences[0, len(prompt) :].tolist())
        if cache is not None:
            self._prefixes.keep(sequences[0].tolist(), cache)

    def _cache(self, ids: Sequence[int]) -> tuple[KeyValueCache | None, int]:
        """Return the cache to go on from and its length; None where none could be reused."""
        from transformers import DynamicCache

        if (known := self._prefixes.take(ids)) is not None:
            return known
        fresh = DynamicCache(config=self._model.config.get_text_config(decoder=True))
        return (fresh, 0) if reusable(fresh) else (None, 0)
