"""Key-value caches of earlier prompts and answers, so that a conversation goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragapp.untyped import KeyValueCache

KEPT_BYTES = 2**30
"""Of keys and values altogether: 80 conversations of 1,000 tokens with a 0.5 B model in bfloat16,
18 with Qwen2.5-7B, 2 with Llama-2-7B; no more than a laptop can spare."""

KEPT_CONVERSATIONS = 8
"""More people than a machine without a GPU can answer at a time."""


@dataclass(slots=True)
class _Conversation:
    ids: list[int]
    cache: KeyValueCache
    size: int  # in bytes


class PrefixCache:
    """The caches of the conversations last held, the newest last.

    Not for several threads at a time: the engine's lock guards it. A cache that was taken is no
    longer kept here, so that no two generations write to one.
    """

    def __init__(
        self, kept_bytes: int = KEPT_BYTES, kept_conversations: int = KEPT_CONVERSATIONS
    ) -> None:
        self._kept_bytes = kept_bytes
        self._kept_conversations = kept_conversations
        self._conversations: list[_Conversation] = []

    def __len__(self) -> int:
        """Count the conversations kept."""
        return len(self._conversations)

    @property
    def size(self) -> int:
        """Bytes of keys and values kept."""
        return sum(conversation.size for conversation in self._conversations)

    def take(self, prompt: Sequence[int]) -> tuple[KeyValueCache, int] | None:
        """Return a cache of the longest known beginning of a prompt, and its length in tokens.

        The last token of the prompt is never in it, because the model has to be asked something.
        A conversation of which most is used is handed over; of another, the part is copied.
        """
        lengths = [
            min(_common(conversation.ids, prompt), len(prompt) - 1)
            for conversation in self._conversations
        ]
        if not lengths or (length := max(lengths)) < 1:
            return None
        number = lengths.index(length)
        conversation = self._conversations[number]
        if 2 * length < len(conversation.ids):
            return _copy(conversation.cache, length), length
        del self._conversations[number]
        if surplus := len(conversation.ids) - length:
            conversation.cache.crop(-surplus)
        return conversation.cache, length

    def keep(self, ids: Sequence[int], cache: KeyValueCache) -> None:
        """Keep the cache of a prompt and its answer; ids that are not in it are left out."""
        length = cache.get_seq_length()
        if length:
            self._conversations.append(_Conversation(list(ids[:length]), cache, _size(cache)))
        while len(self) > self._kept_conversations or self.size > self._kept_bytes:
            del self._conversations[0]

    def clear(self) -> None:
        """Keep nothing."""
        self._conversations.clear()


def reusable(cache: KeyValueCache) -> bool:
    """Say whether a cache can be cut back: not with sliding windows or linear attention."""
    from transformers.cache_utils import DynamicLayer

    return bool(cache.layers) and all(type(layer) is DynamicLayer for layer in cache.layers)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Count the ids that two sequences begin with together."""
    for number, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return number
    return min(len(a), len(b))


def _copy(cache: KeyValueCache, length: int) -> KeyValueCache:
    from transformers import DynamicCache

    copy = DynamicCache()
    for number, layer in enumerate(cache.layers):
        copy.update(layer.keys[:, :, :length], layer.values[:, :, :length], number)
    return copy


def _size(cache: KeyValueCache) -> int:
    return sum(tensor.nbytes for layer in cache.layers for tensor in (layer.keys, layer.values))
