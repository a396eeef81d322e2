"""Which part of a prompt a block-wise prefix cache still holds."""

from __future__ import annotations

import hashlib
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence


class CachedPrefixes:
    """Mirrors a cache of key-value blocks that are reused for equal beginnings of prompts.

    OpenVINO GenAI reuses blocks but does not say how many; a block counts as held while it is
    among the last ``room_tokens`` worth of blocks that were used.
    """

    def __init__(self, room_tokens: int, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self._room = max(1, room_tokens // block_tokens)
        self._held: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, prompt: Sequence[int], answer: Sequence[int]) -> int:
        """Return how many tokens of a prompt were held, then hold prompt and answer."""
        with self._lock:
            held = 0
            for block in self._blocks(prompt):
                if block not in self._held:
                    break
                held += self._block_tokens
            for block in self._blocks([*prompt, *answer]):
                self._held[block] = None
                self._held.move_to_end(block)
            while len(self._held) > self._room:
                self._held.popitem(last=False)
        return min(held, len(prompt) - 1)  # the last token is always computed

    def _blocks(self, ids: Sequence[int]) -> Iterator[bytes]:
        """Yield a digest for each whole block: of it and of all before it."""
        digest = hashlib.sha256()
        for start in range(0, len(ids) - self._block_tokens + 1, self._block_tokens):
            digest.update(array("q", ids[start : start + self._block_tokens]).tobytes())
            yield digest.digest()
