"""Prompts to predictions, without retrieval: prompts → padded batches → journal → one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragapp.batch.journal import Journal, Prediction, write_atomically
from ragapp.batch.prompts import BatchPrompt
from ragapp.errors import EngineError, ModelError, QuestionTooLong, UsageError
from ragapp.llm.batch import require_chat
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Answer, ChatEngine, Done, Message, Prompt, Text, Thought
from ragapp.types import CancelCheck, never_cancel

BATCH_SIZE = 8
FAILURES_IN_A_ROW = 3
"""After so many the engine is at fault and not the prompts, and the run ends."""
JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many prompts have an output, why others have none, and how many are still to do."""

    done: int
    failed: tuple[str, ...]
    left: int


def run_batch(
    prompts: Sequence[BatchPrompt],
    engine: ChatEngine,
    decoding: Decoding,
    predictions: Path,
    *,
    with_prompt: bool = False,
    system: str = "",
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancel: CancelCheck = never_cancel,
) -> BatchResult:
    """Answer every prompt and write ``predictions``: input and output of each, in their order.

    A text is continued as it is; ``with_prompt`` puts it into the model's chat template as a
    question instead, after ``system`` if there is one. Chats always go through the template.
    What is done is kept beside the predictions after each batch, until all is done, and a run
    with the same values goes on from there. ``progress`` is told how many of how many are done.

    Raises:
        UsageError: the engine lacks a way of decoding, cannot continue texts, or a file cannot be
            written.
        EngineError: the engine does not work; what is done is kept.
    """
    if batch_size < 1:
        raise UsageError("batch_size", size=batch_size)
    engine.check(decoding)
    asked = [_asked(prompt, with_prompt, system, engine.neutralise) for prompt in prompts]
    if not engine.continues_texts:
        for prompt in asked:
            require_chat(prompt, engine.name)
    values = {
        "model": engine.name,
        "engine": engine.kind,
        "dtype": engine.dtype,
        "context_tokens": engine.context_tokens,
        "with_prompt": with_prompt,
        "system_prompt": system,
        **asdict(decoding),
    }
    content = json.dumps([prompt.shown for prompt in prompts]).encode()
    with Journal(predictions, values | {"prompts": hashlib.sha256(content).hexdigest()}) as journal:
        write_atomically(predictions.with_name("generation_config.json"), _json(values))
        run = _Run(prompts, asked, engine, decoding, journal)
        try:
            finished = run.go(batch_size, progress, cancel)
        finally:
            write_atomically(predictions, run.text(predictions.suffix.lower() in JSON_LINES))
    if finished:
        journal.file.unlink()
    return run.result()


def reply(
    messages: Sequence[Message],
    engine: ChatEngine,
    decoding: Decoding,
    cancel: CancelCheck = never_cancel,
) -> Iterator[Thought | Text | Done]:
    """Stream an answer to the last message; the oldest exchanges are left out when room is short.

    Raises:
        QuestionTooLong: not even the last message leaves room for an answer.
        EngineError: generation failed.
    """
    kept = [Message(m.role, engine.neutralise(m.content)) for m in messages]
    system = [m for m in kept if m.role == "system"]
    turns = [m for m in kept if m.role != "system"]
    budget = engine.context_tokens - decoding.max_new_tokens
    while (tokens := engine.count_tokens([*system, *turns])) > budget:
        if len(turns) < 3:
            raise QuestionTooLong("message_too_long", tokens=tokens, room=budget)
        turns = turns[2:]
    yield from engine.generate([*system, *turns], decoding, cancel)


class _Run:
    """One run over all prompts: what is done (kept in the journal), and what failed just now."""

    def __init__(
        self,
        prompts: Sequence[BatchPrompt],
        asked: Sequence[Prompt],
        engine: ChatEngine,
        decoding: Decoding,
        journal: Journal,
    ) -> None:
        self._prompts = prompts
        self._asked = asked
        self._engine = engine
        self._decoding = decoding
        self._journal = journal
        self._failed: dict[int, Prediction] = {}  # by the engine: to be tried again in a later run

    def go(
        self, batch_size: int, progress: Callable[[int, int], None], cancel: CancelCheck
    ) -> bool:
        """Answer what has no answer yet, the longest first; return whether nothing is left."""
        total = len(self._prompts)
        lengths = self._lengths(cancel)
        numbers = sorted(lengths, key=lambda number: -lengths[number])
        progress(len(self._journal.done), total)
        failures = 0
        for start in range(0, len(numbers), batch_size):
            batch = numbers[start : start + batch_size]
            asked = [self._asked[number] for number in batch]
            answers = self._engine.generate_batch(asked, self._decoding, cancel)
            outcomes = dict(zip(batch, answers, strict=True))
            good = {n: _prediction(o) for n, o in outcomes.items() if isinstance(o, Answer)}
            errors = {n: o for n, o in outcomes.items() if isinstance(o, EngineError)}
            self._journal.add(good)
            if None in outcomes.values() or cancel():
                return False
            self._failed |= {n: Prediction(error=str(error)) for n, error in errors.items()}
            failures = 0 if good else failures + len(errors)
            if failures >= FAILURES_IN_A_ROW:
                raise next(iter(errors.values()))
            progress(len(self._journal.done) + len(self._failed), total)
        return not self._failed and len(self._journal.done) == total

    def _lengths(self, cancel: CancelCheck) -> dict[int, int]:
        """Return the lengths of the prompts to do, in tokens; those that do not fit are done."""
        lengths: dict[int, int] = {}
        room = self._engine.context_tokens - 1
        for number, prompt in enumerate(self._asked):
            if cancel():
                return {}
            if number in self._journal.done:
                continue
            try:
                length = self._engine.count_tokens(prompt)
            except ModelError as error:  # a template may refuse an order of roles, for example
                self._journal.add({number: Prediction(error=str(error))})
                continue
            if length <= room:
                lengths[number] = length
            else:
                refusal = QuestionTooLong("batch_prompt_too_long", tokens=length, room=room)
                self._journal.add({number: Prediction(error=str(refusal))})
        return lengths

    def text(self, lines: bool) -> str:
        """Return the file of predictions, as JSONL or JSON."""
        entries: list[dict[str, Any]] = []
        for number, outcome in sorted({**self._failed, **self._journal.done}.items()):
            entry = {"Input": self._prompts[number].shown, "Output": outcome.output}
            entry |= {"Thinking": outcome.thinking} if outcome.thinking else {}
            entry |= {"Error": outcome.error} if outcome.error else {}
            entries.append(entry)
        if lines:
            return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        return _json(entries)

    def result(self) -> BatchResult:
        outcomes = {**self._failed, **self._journal.done}
        failed = tuple(
            f"prompt {number + 1}: {outcome.error}"
            for number, outcome in sorted(outcomes.items())
            if outcome.error
        )
        return BatchResult(
            done=len(outcomes) - len(failed),
            failed=failed,
            left=len(self._prompts) - len(outcomes),
        )


def _asked(
    prompt: BatchPrompt, with_prompt: bool, system: str, neutralise: Callable[[str], str]
) -> Prompt:
    """Return what the engine is asked: a text to continue, or what goes into the template."""
    if not prompt.messages and not with_prompt:
        return prompt.text
    messages = prompt.messages or (Message("user", prompt.text),)
    if system and messages[0].role != "system":
        messages = (Message("system", system), *messages)
    return [Message(each.role, neutralise(each.content)) for each in messages]


def _prediction(answer: Answer) -> Prediction:
    return Prediction(output=answer.text.strip(), thinking=answer.thought.strip())


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
