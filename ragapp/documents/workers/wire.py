"""What pool and worker write to one another: frames of JSON and of a text, with their lengths.

The text stands behind the JSON, as it is: quoted in it, a large one would be held three times.

A request:  {"path", "name", "cpu_s", "memory_bytes"}
A reply:    {"document": {…}} with its text, or {"error": {"kind", "code", "values"}}, and beside it
            "log": [[logger, level, message], …] and "last": true when the worker ends after it
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import IO, Any

from ragapp.errors import DocumentError
from ragapp.types import Block, BlockKind, Document, Heading, Note, Page

LARGEST_FRAME = 1 << 30  # bytes; no text of a file within the limits comes near
_LENGTHS = struct.Struct(">QQ")
SLICE = 1_000_000
"""Characters that are encoded at a time."""
# Lone surrogates stand for bytes of file names that are not UTF-8.
_SURROGATES = "surrogatepass"

Message = dict[str, Any]


def write_frame(stream: IO[bytes], message: Message, text: str = "") -> None:
    """Write a message, and a text that belongs to it.

    Raises:
        OSError: the other side is gone.
    """
    payload = json.dumps(message, ensure_ascii=False).encode("utf-8", _SURROGATES)
    length = sum(len(data) for data in _encoded(text))
    stream.write(_LENGTHS.pack(len(payload), length))
    stream.write(payload)
    for data in _encoded(text):
        stream.write(data)
    stream.flush()


def _encoded(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), SLICE):
        yield text[start : start + SLICE].encode("utf-8", _SURROGATES)


def read_frame(stream: IO[bytes]) -> Message | None:
    """Return the next message; None when the other side is gone, or what came is none.

    A text that belongs to it is its ``"text"``.
    """
    head = stream.read(_LENGTHS.size)
    if len(head) < _LENGTHS.size:
        return None
    length, text_length = _LENGTHS.unpack(head)
    if max(length, text_length) > LARGEST_FRAME:
        return None
    payload, text = stream.read(length), stream.read(text_length)
    if len(payload) < length or len(text) < text_length:
        return None
    try:
        message = json.loads(payload.decode("utf-8", _SURROGATES))
        if not isinstance(message, dict):
            return None
        return message | {"text": text.decode("utf-8", _SURROGATES)} if text else message
    except ValueError:
        return None


def document_to_json(document: Document) -> Message:
    """Write a document as plain values, but for its text."""
    return {
        "name": document.name,
        "path": document.path,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "pages": [[page.number, page.start, page.end] for page in document.pages],
        "headings": [[one.level, one.title, one.start] for one in document.headings],
        "notes": [[note.code, dict(note.values)] for note in document.notes],
        "blocks": [[block.kind, block.start, block.end] for block in document.blocks],
        "size": document.size,
        "modified_ns": document.modified_ns,
    }


def document_from_json(values: Message, text: str) -> Document:
    """Read what ``document_to_json`` wrote, with the text."""
    return Document(
        name=values["name"],
        path=values["path"],
        sha256=values["sha256"],
        media_type=values["media_type"],
        text=text,
        pages=tuple(Page(*page) for page in values["pages"]),
        headings=tuple(Heading(*heading) for heading in values["headings"]),
        notes=tuple(Note(*note) for note in values["notes"]),
        blocks=tuple(Block(BlockKind(kind), *place) for kind, *place in values["blocks"]),
        size=values["size"],
        modified_ns=values["modified_ns"],
    )


def error_to_json(error: DocumentError) -> Message:
    """Write an error as plain values."""
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "values": {
            name: value if isinstance(value, str | int | float) else str(value)
            for name, value in error.values.items()
        },
    }


def error_from_json(values: Message) -> DocumentError:
    """Read what ``error_to_json`` wrote, as an error of the same class."""
    kinds = {kind.__name__: kind for kind in DocumentError.__subclasses__()}
    return kinds.get(values["kind"], DocumentError)(values["code"], **values["values"])
