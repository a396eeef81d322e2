"""What is written on one side of a pipe is read on the other, or nothing is."""

import io
import json
from pathlib import Path

import pytest

from ragapp.documents.workers import wire
from ragapp.documents.workers.wire import (
    document_from_json,
    document_to_json,
    error_from_json,
    error_to_json,
    read_frame,
    write_frame,
)
from ragapp.errors import DocumentError, DocumentTooCostly, EmptyDocument
from ragapp.types import Document, Heading, Note, Page


def sent(message: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    write_frame(stream, message)
    return stream.getvalue()


def test_messages_follow_one_another() -> None:
    stream = io.BytesIO(sent({"a": "中文 \udcff \ud800"}) + sent({}) + sent({"b": [1, None]}))
    assert read_frame(stream) == {"a": "中文 \udcff \ud800"}
    assert read_frame(stream) == {}
    assert read_frame(stream) == {"b": [1, None]}
    assert read_frame(stream) is None


def test_a_text_comes_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SLICE", 3)
    stream = io.BytesIO()
    write_frame(stream, {"a": 1}, "中文 \udcff \ud800\U0001f600 end")
    write_frame(stream, {"b": 2})
    whole = stream.getvalue()
    stream.seek(0)
    assert read_frame(stream) == {"a": 1, "text": "中文 \udcff \ud800\U0001f600 end"}
    assert read_frame(stream) == {"b": 2}
    assert read_frame(io.BytesIO(whole[:30])) is None


def test_torn_and_senseless_frames_are_none() -> None:
    whole = sent({"a": "text"})
    for length in range(len(whole)):
        assert read_frame(io.BytesIO(whole[:length])) is None
    assert read_frame(io.BytesIO(b"\xff" * 20)) is None
    assert read_frame(io.BytesIO(bytes(7) + b"\x02" + bytes(8) + b"{x")) is None
    assert read_frame(io.BytesIO(bytes(7) + b"\x02" + bytes(8) + b"[]")) is None


def test_documents_are_the_same_on_the_other_side() -> None:
    pages, headings = (Page(1, 0, 6),), (Heading(1, "文", 0),)
    document = Document(
        "a.pdf",
        "/a.pdf",
        "00",
        "application/pdf",
        "文 text",
        pages,
        headings,
        (Note("a", {"n": 1}),),
    )
    assert document_from_json(document_to_json(document), document.text) == document


@pytest.mark.parametrize("kind", [DocumentError, EmptyDocument, DocumentTooCostly])
def test_errors_are_the_same_on_the_other_side(kind: type[DocumentError]) -> None:
    values = {"name": "a.pdf", "path": Path("/中文/a.pdf"), "seconds": 2.5, "pages": 3}
    error = kind("file_missing", **values)
    sent_over = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(sent_over) is kind
    assert sent_over.code == error.code
    assert sent_over.values == {**values, "path": "/中文/a.pdf"}
    assert [sent_over.line(one) for one in ("en", "zh")] == [error.line("en"), error.line("zh")]
