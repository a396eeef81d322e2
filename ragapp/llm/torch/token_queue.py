"""Tokens on their way from the thread that generates to the reader, and stop on its way back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragapp.types import CancelCheck

if TYPE_CHECKING:
    import torch


class TokenQueue:
    """Read as an iterator of token ids; written by ``generate`` through a stopping criterion.

    ``said`` is all that was put in; ``cancelled`` tells whether ``cancel`` was what stopped it.
    """

    def __init__(self, cancel: CancelCheck) -> None:
        self.said: list[int] = []
        self.cached_tokens = 0
        self.cancelled = False
        self.error: Exception | None = None
        self._cancel = cancel
        self._abandoned = threading.Event()
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def put(self, tokens: Sequence[int]) -> None:
        """Hand tokens to the reader."""
        self.said += tokens
        for token in tokens:
            self._queue.put(token)

    def end(self) -> None:
        """Tell the reader that no more will come."""
        self._queue.put(None)

    def abandon(self) -> None:
        """Tell ``generate`` that nobody reads any more."""
        self._abandoned.set()

    def stopped(self) -> bool:
        """Say whether to stop: somebody cancelled, or nobody reads."""
        self.cancelled = self.cancelled or self._cancel()
        return self.cancelled or self._abandoned.is_set()

    def take_and_stop(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Take the newest token of the one row, and tell ``generate`` whether to stop after it."""
        self.put(input_ids[0, -1:].tolist())
        return self.stop(input_ids, scores)

    def stop(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Tell ``generate`` whether to stop, after each token."""
        import torch

        return torch.full((len(input_ids),), self.stopped(), device=input_ids.device)

    def __iter__(self) -> Iterator[int]:
        while (token := self._queue.get()) is not None:
            yield token
