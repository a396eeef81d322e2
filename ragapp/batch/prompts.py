"""Reads a file of prompts: plain text, JSON or JSONL, in UTF-8, GB18030 and other encodings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragapp.errors import BrokenDocument, UsageError
from ragapp.llm.engine import Message
from ragapp.text.decode import decode

TEXT, JSON, JSON_LINES = (".txt", ".text", ".md", ""), (".json",), (".jsonl", ".ndjson")
ROLES = ("system", "user", "assistant")
SHAPES = (
    '"…", {"prompt": …}, {"instruction": …, "input": …}, {"input": …}, '
    '{"messages": [{"role": "user", "content": …}]}'
)


@dataclass(frozen=True, slots=True)
class BatchPrompt:
    """A prompt: ``text``, or the ``messages`` of a chat, whose last one wants an answer."""

    text: str
    messages: tuple[Message, ...] = ()

    @property
    def shown(self) -> str | list[dict[str, str]]:
        """What stands for it among the predictions."""
        if not self.messages:
            return self.text
        return [{"role": m.role, "content": m.content} for m in self.messages]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a prompt stands, for errors: a line of JSONL or an item of JSON, from 1 on."""

    file: Path
    number: int
    is_line: bool


def read_prompts(file: Path) -> list[BatchPrompt]:
    """Read every prompt of a file, in order.

    Plain text has a prompt a line; empty lines are none. JSON is a list; JSONL has a value a line.

    Raises:
        UsageError: the file is missing, empty, of an unknown format, or has something that is no
            prompt, named by its line or place.
        BrokenDocument: it is not text.
    """
    suffix = file.suffix.lower()
    if suffix not in TEXT + JSON + JSON_LINES:
        raise UsageError("batch_unknown_format", file=file, suffix=suffix)
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError("batch_unreadable", file=file, reason=reason) from error
    decoded = decode(data, str(file))
    if decoded.damaged:
        raise BrokenDocument(
            "batch_no_text", file=file, count=decoded.damaged, encoding=decoded.encoding
        )
    if suffix in JSON:
        prompts = list(_from_json(decoded.text, file))
    elif suffix in JSON_LINES:
        prompts = list(_from_json_lines(decoded.text, file))
    else:
        prompts = [BatchPrompt(line.strip()) for line in _lines(decoded.text) if line.strip()]
    if not prompts:
        raise UsageError("batch_no_prompts", file=file)
    return prompts


def _lines(text: str) -> list[str]:
    """Split at newlines only; a prompt may hold other separators."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _from_json(text: str, file: Path) -> Iterator[BatchPrompt]:
    if not text.strip():
        return
    try:
        value = json.loads(text)
    except ValueError as error:
        several = "Extra data" in str(error)
        raise UsageError(
            "batch_json_lines" if several else "batch_no_json", file=file, reason=str(error)
        ) from error
    if not isinstance(value, list):
        raise UsageError("batch_no_list", file=file, shapes=SHAPES)
    for number, item in enumerate(value, start=1):
        yield _prompt(item, _Place(file, number, is_line=False))


def _from_json_lines(text: str, file: Path) -> Iterator[BatchPrompt]:
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError as error:
            raise UsageError(
                "batch_line_no_json", file=file, number=number, reason=str(error)
            ) from error
        yield _prompt(item, _Place(file, number, is_line=True))


def _prompt(item: object, place: _Place) -> BatchPrompt:
    if isinstance(item, str):
        parts = [item]
    elif isinstance(item, dict) and "messages" in item:
        return BatchPrompt("", _messages(item["messages"], place))
    elif isinstance(item, dict):
        names = ["prompt"] if "prompt" in item else ["instruction", "input"]
        parts = [item[name] for name in names if item.get(name) is not None]
    else:
        parts = []
    text = "\n".join(part for part in parts if isinstance(part, str) and part.strip())
    if not text or not all(isinstance(part, str) for part in parts):
        raise UsageError(
            "batch_line_no_prompt" if place.is_line else "batch_item_no_prompt",
            file=place.file,
            number=place.number,
            shapes=SHAPES,
        )
    return BatchPrompt(text)


def _messages(value: object, place: _Place) -> tuple[Message, ...]:
    messages: list[Message] = []
    for item in value if isinstance(value, list) else ():
        role = item.get("role") if isinstance(item, dict) else None
        content = item.get("content") if isinstance(item, dict) else None
        if role not in ROLES or not isinstance(content, str):
            raise UsageError(
                "batch_line_bad_message" if place.is_line else "batch_item_bad_message",
                file=place.file,
                number=place.number,
                message=len(messages) + 1,
                roles=", ".join(ROLES),
            )
        messages.append(Message(role, content))
    if not messages or messages[-1].role != "user":
        raise UsageError(
            "batch_line_not_asked" if place.is_line else "batch_item_not_asked",
            file=place.file,
            number=place.number,
        )
    return tuple(messages)
