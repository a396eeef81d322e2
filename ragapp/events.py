"""Answer events to plain JSON values and back, for programs on the other side of a wire."""

from __future__ import annotations

import dataclasses
import types as python_types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ragapp import types
from ragapp.types import AnswerEvent
from ragapp.untyped import Given

KINDS: Mapping[str, type[AnswerEvent]] = {
    "evidence": types.EvidenceFound,
    "thinking": types.AnswerThinking,
    "text": types.AnswerText,
    "citation": types.AnswerCited,
    "notice": types.Notice,
    "done": types.AnswerDone,
}
"""What ``event`` says of each; programs rely on these names."""

JsonObject = dict[str, Any]


def to_json(event: AnswerEvent) -> JsonObject:
    """Return an event as JSON values: its fields, and its kind under ``event``."""
    kind = next(name for name, each in KINDS.items() if isinstance(event, each))
    return {"event": kind, **dataclasses.asdict(event)}


def from_json(values: Mapping[str, Any]) -> AnswerEvent:
    """Rebuild what ``to_json`` took apart; fields that a newer version added are passed over.

    Raises:
        ValueError: no event of that kind, or a field is missing.
    """
    kind = KINDS.get(str(values.get("event")))
    if kind is None:
        raise ValueError(f"no event of the kind {values.get('event')!r}")
    event: AnswerEvent = _build(kind, values)
    return event


def _build(kind: Given, value: Given) -> Given:
    """Return a JSON value as what a field's type says: a dataclass, a tuple, an enumeration."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        given = {f.name: value[f.name] for f in dataclasses.fields(kind) if f.name in value}
        try:
            return kind(**{name: _build(hints[name], each) for name, each in given.items()})  # type: ignore[operator]
        except TypeError as error:
            raise ValueError(str(error)) from error
    origin: Given = typing.get_origin(kind)
    inner = typing.get_args(kind)
    if origin is tuple:
        return tuple(_build(inner[0], each) for each in value)
    if origin is python_types.UnionType:  # a value or None
        return None if value is None else _build(inner[0], value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return value
