"""How engines answer a batch: the torch engine's model padded, other engines several at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from ragapp.batch.journal import Prediction
from ragapp.errors import EngineError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import ChatEngine, Message, TextDelta
from ragapp.llm.thinking import ThinkingSplitter
from ragapp.types import CancelCheck, FinishReason

if TYPE_CHECKING:
    from ragapp.llm.torch.engine import TorchEngine

logger = logging.getLogger(__name__)


Outcome = Prediction | EngineError | None
"""What came of a prompt; None: somebody stopped it."""


class Runner(Protocol):
    """Answers prompts by number, after each was prepared."""

    engine: str
    dtype: str
    context_tokens: int

    def prepare(self, number: int, text: str, messages: Sequence[Message]) -> int:
        """Take a prompt, and return its length in tokens."""

    def run(self, batch: Sequence[int]) -> list[Outcome]:
        """Return what came of each prompt of a batch."""


class PaddedBatches:
    """The torch engine's model, a whole batch at a time."""

    engine = "torch"

    def __init__(self, engine: TorchEngine, decoding: Decoding, cancel: CancelCheck) -> None:
        self.dtype = str(engine.model.dtype).removeprefix("torch.")
        self.context_tokens = engine.context_tokens
        self._engine = engine
        self._decoding = decoding
        self._cancel = cancel
        self._ids: dict[int, list[int]] = {}

    def prepare(self, number: int, text: str, messages: Sequence[Message]) -> int:
        """Turn a prompt into ids, and return how many."""
        tokenizer = self._engine.tokenizer
        ids = tokenizer.prompt_ids(messages) if messages else tokenizer.completion_ids(text)
        self._ids[number] = ids
        return len(ids)

    def run(self, batch: Sequence[int]) -> list[Outcome]:
        """Answer a batch; in halves, should the memory run out."""
        from ragapp.llm.torch.batch import generate_batch
        from ragapp.llm.torch.out_of_memory import give_back_memory, is_out_of_memory

        try:
            texts = generate_batch(
                self._engine.model,
                self._engine.tokenizer,
                [self._ids[number] for number in batch],
                self._decoding,
                self.context_tokens,
                self._cancel,
            )
        except Exception as error:  # noqa: BLE001 - of many kinds; other prompts may still work
            if len(batch) == 1 or not is_out_of_memory(error):
                failure = EngineError(
                    f"generation with '{self._engine.name}'",
                    str(error) or type(error).__name__,
                    "Give a smaller batch size, shorter prompts or another model.",
                )
                failure.__cause__ = error
                return [failure] * len(batch)
            give_back_memory()
        else:
            return [None] * len(batch) if texts is None else [_prediction(text) for text in texts]
        half = len(batch) // 2
        logger.warning("the memory ran out with %d prompts at a time: now %d", len(batch), half)
        return self.run(batch[:half]) + self.run(batch[half:])


class SeveralAtOnce:
    """An engine that batches by itself what several threads ask it at the same time."""

    def __init__(self, engine: ChatEngine, decoding: Decoding, cancel: CancelCheck) -> None:
        self.engine = type(engine).__name__.removesuffix("Engine").lower()
        self.dtype = "the engine's"
        self.context_tokens = engine.context_tokens
        self._engine = engine
        self._decoding = decoding
        self._cancel = cancel
        self._messages: dict[int, Sequence[Message]] = {}

    def prepare(self, number: int, text: str, messages: Sequence[Message]) -> int:
        """Keep a prompt, and return its length as the engine counts it."""
        self._messages[number] = messages
        return self._engine.count_tokens(messages)

    def run(self, batch: Sequence[int]) -> list[Outcome]:
        """Answer a batch, each prompt in a thread of its own."""
        with ThreadPoolExecutor(len(batch)) as pool:
            return list(pool.map(self._one, batch))

    def _one(self, number: int) -> Outcome:
        text = ""
        try:
            for event in self._engine.generate(
                self._messages[number], self._decoding, self._cancel
            ):
                if isinstance(event, TextDelta):
                    text += event.text
                elif event.finish_reason is FinishReason.CANCELLED:
                    return None
        except EngineError as error:
            return error
        return _prediction(text)


def runner_for(engine: ChatEngine, decoding: Decoding, cancel: CancelCheck, *, raw: bool) -> Runner:
    """Return what answers prompts with an engine; ``raw``: some are texts to be continued.

    Raises:
        UsageError: the engine cannot continue texts.
    """
    from ragapp.llm.torch.engine import TorchEngine

    if isinstance(engine, TorchEngine):
        return PaddedBatches(engine, decoding, cancel)
    if raw:
        raise UsageError(
            "continuing a text as it is",
            f"the engine of '{engine.name}' takes chats only",
            "Put the prompts into its chat template (--with-prompt), or set RAGAPP_ENGINE=torch.",
        )
    return SeveralAtOnce(engine, decoding, cancel)


def _prediction(text: str) -> Prediction:
    splitter = ThinkingSplitter()
    said = [*splitter.push(text), *splitter.finish()]
    return Prediction(
        output="".join(part.text for part in said if not part.thought).strip(),
        thinking="".join(part.text for part in said if part.thought).strip(),
    )
