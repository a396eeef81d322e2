"""A batch for engines that answer several askers at once: each prompt asks in its own thread."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ragapp.errors import EngineError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Answer, BatchOutcome, ChatEngine, Done, Message, Prompt, Text, Thought
from ragapp.types import CancelCheck, FinishReason


def generate_concurrently(
    engine: ChatEngine, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
) -> list[BatchOutcome]:
    """Ask for all answers at the same time; the engine computes them together.

    Raises:
        UsageError: a prompt is a text, and the engine takes chats only.
    """
    chats = [require_chat(prompt, engine.name) for prompt in prompts]

    def answer(messages: Sequence[Message]) -> BatchOutcome:
        said: list[Thought | Text] = []
        try:
            for event in engine.generate(messages, decoding, cancel):
                if not isinstance(event, Done):
                    said.append(event)
                elif event.finish_reason is FinishReason.CANCELLED:
                    return None
        except EngineError as error:
            return error
        return Answer.of(said)

    with ThreadPoolExecutor(max(1, len(chats))) as pool:
        return list(pool.map(answer, chats))


def require_chat(prompt: Prompt, name: str) -> Sequence[Message]:
    """Return a prompt that must be a chat; name: the model's, for the error.

    Raises:
        UsageError: it is a text to be continued.
    """
    if isinstance(prompt, str):
        raise UsageError("engine_takes_chats_only", name=name)
    return prompt
