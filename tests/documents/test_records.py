"""JSON: a record a line, with the names of its fields; numbers as they are written."""

import json

import pytest

from ragapp.documents.readers.records import read
from ragapp.errors import BrokenDocument


def parse(value: object) -> str:
    return read(json.dumps(value, ensure_ascii=False).encode(), "a.json").text


def test_records_are_rows() -> None:
    rows = [{"部件": "K-4613", "库存": 12, "tags": ["a", "b"]}, {"部件": "K-4614", "on": True}]
    assert parse(rows) == "部件: K-4613 | 库存: 12 | tags: a, b\n部件: K-4614 | on: true"


def test_records_within_an_object_stand_under_their_name() -> None:
    made = {"name": "store", "address": {"city": "Wuhan"}, "parts": [{"id": 1, "size": {"mm": 4}}]}
    assert parse(made) == "parts\n\nid: 1 | size.mm: 4\n\nname: store\naddress.city: Wuhan"


def test_numbers_stay_as_they_are_written() -> None:
    text = read(b'{"a": 1.10, "b": 12345678901234567890, "c": 1e400}', "a.json").text
    assert text == "a: 1.10\nb: 12345678901234567890\nc: 1e400"


def test_lines_of_json_are_records() -> None:
    assert read(b'{"a": 1}\n\n{"a": 2, "b": null}\n', "a.jsonl").text == "a: 1\na: 2"


def test_what_breaks_off_is_said() -> None:
    with pytest.raises(BrokenDocument, match="breaks off"):
        read(b'{"a": 1', "a.json")
