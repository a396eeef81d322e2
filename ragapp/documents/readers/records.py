"""JSON and JSON lines: records row by row with the names of their fields, all else by its path."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.table import row_lines
from ragapp.documents.readers.text import damage_notes
from ragapp.errors import BrokenDocument, DocumentTooCostly
from ragapp.text.decode import decode

Value = str | bool | list["Value"] | dict[str, "Value"] | None


def read(data: bytes, name: str) -> Extract:
    """Return what JSON says, a line a record; numbers stay as they are written.

    Raises:
        BrokenDocument: neither JSON nor lines of it.
        DocumentTooCostly: nested too deep.
    """
    decoded = decode(data, name)
    composer = Composer()
    try:
        _compose(composer, _parsed(decoded.text, name))
    except RecursionError as error:
        raise DocumentTooCostly("data_too_deep", name=name) from error
    return composer.extract(damage_notes(decoded.damaged))


def _parsed(text: str, name: str) -> Value:
    try:
        return _load(text)
    except json.JSONDecodeError as error:
        wrong = error
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        if len(lines) > 1:
            return [_load(line) for line in lines]
    except json.JSONDecodeError as error:
        wrong = error
    raise BrokenDocument("data_damaged", name=name, reason=str(wrong)) from wrong


def _load(text: str) -> Value:
    value: Value = json.loads(
        text.lstrip("\ufeff"), parse_int=str, parse_float=str, parse_constant=str
    )
    return value


def _compose(composer: Composer, value: Value) -> None:
    """Write records of one list as a table; anything else as lines of a path and its value."""
    if isinstance(value, list):
        composer.lines("\n".join(line for one in value for line in _lines(one)))
        return
    plain: dict[str, Value] = {}
    for key, inner in value.items() if isinstance(value, dict) else [("", value)]:
        if isinstance(inner, list) and any(isinstance(one, dict) for one in inner):
            composer.paragraph(key)
            composer.lines("\n".join(line for one in inner for line in _lines(one)))
        else:
            plain[key] = inner
    composer.lines("\n".join(f"{path}: {text}" if path else text for path, text in _leaves(plain)))


def _lines(record: Value) -> Iterator[str]:
    pairs = list(_leaves(record))
    return row_lines([path for path, _ in pairs], [text for _, text in pairs])


def _leaves(value: Value, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value within a value; empty ones are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        if all(isinstance(one, str) for one in value):
            value = ", ".join(str(one) for one in value)
            if value:
                yield path, " ".join(value.split())
        else:
            for number, inner in enumerate(value, 1):
                yield from _leaves(inner, f"{path}[{number}]")
    elif value is not None and value != "":
        text = str(value).lower() if isinstance(value, bool) else " ".join(value.split())
        if text:
            yield path, text


FORMAT = Format(
    name="JSON",
    suffixes=(".json", ".jsonl", ".ndjson", ".geojson"),
    media_type="application/json",
    read=read,
)
