"""One frozen Settings in parts: defaults < ragapp.toml < environment < flags.

A key that nobody knows is an error.

``RAGAPP_HOME`` (default ``~/.ragapp``) holds knowledge bases and ``ragapp.toml``;
``RAGAPP_MODELS`` (default ``~/.cache/ragapp/models``) holds weights. A person names a setting by
its field alone, whatever part it is in: ``chat_model`` in ``ragapp.toml``, ``RAGAPP_CHAT_MODEL`` in
the environment.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragapp.errors import SettingsError
from ragapp.untyped import Given

ENVIRONMENT_PREFIX = "RAGAPP_"
SETTINGS_FILE = "ragapp.toml"
RENAMED = {"top_k": "hits"}
"""Names of earlier versions, which files and scripts still use."""


@dataclasses.dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Fixed for a knowledge base when it is created."""

    embedder: str = "multilingual-e5-small"
    pooling: str = "first-last-avg"
    whitening: bool = True
    whitening_exponent: float = 0.2
    whitening_dimensions: int = 0  # 0 keeps all
    whitening_shared_mean: bool = False  # True with exponent 0.5: the published BERT-whitening
    chunk_tokens: int = 320


@dataclasses.dataclass(frozen=True, slots=True)
class IngestSettings:
    """How files are read."""

    ocr: bool = False  # recognise the text in pictures of pages; seconds a page


@dataclasses.dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """How passages are found."""

    reranker: str = "sentences"  # or any sentence-transformers CrossEncoder
    hits: int = 10  # how many passages `ragapp search` shows


@dataclasses.dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How questions are answered. Sizes in tokens."""

    chat_model: str = "auto"
    answer_mode: str = "auto"  # generate, quotes, or auto: what the model is good enough for
    max_new_tokens: int = 400
    context_tokens: int = 0  # 0: what the model declares, at most 8192
    decoding: str = "precise"  # a preset: precise, balanced, creative
    thinking: bool = False  # let a reasoning model think before it answers
    adapter: str = ""  # a LoRA adapter (peft) for the chat model: a folder


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSettings:
    """What computes, and where."""

    device: str = "auto"
    dtype: str = "auto"
    engine: str = "auto"  # torch, openvino, endpoint, or auto: the fastest that is here
    quantization: str = "none"  # of the torch engine's weights: none, int8, int4
    low_memory: bool = False  # stream the chat model's layers from disk
    endpoint: str = ""  # address of an OpenAI-compatible server, for example http://host:8000/v1
    endpoint_key: str = dataclasses.field(default="", repr=False)
    trust_remote_code: str = ""  # the one model allowed to run its own code


@dataclasses.dataclass(frozen=True, slots=True)
class WebSettings:
    """The page and who may open it."""

    host: str = "127.0.0.1"
    port: int = 7860
    password: str = dataclasses.field(default="", repr=False)
    password_file: str = ""  # a file whose first line is the password
    tls_certificate: str = ""  # PEM files: with both the page is served over https
    tls_key: str = ""
    trusted_proxies: str = ""  # addresses whose X-Forwarded headers are believed, by commas
    language: str = "auto"  # of the interface: zh, en, or what the browser asks for


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can choose."""

    home: Path = Path("~/.ragapp")
    models: Path = Path("~/.cache/ragapp/models")
    kb: str = "default"
    embedding: EmbeddingSettings = dataclasses.field(default_factory=EmbeddingSettings)
    ingest: IngestSettings = dataclasses.field(default_factory=IngestSettings)
    retrieval: RetrievalSettings = dataclasses.field(default_factory=RetrievalSettings)
    answer: AnswerSettings = dataclasses.field(default_factory=AnswerSettings)
    machine: MachineSettings = dataclasses.field(default_factory=MachineSettings)
    web: WebSettings = dataclasses.field(default_factory=WebSettings)

    def having(self, **values: Given) -> Settings:
        """Return the settings with some of them changed, each named by its field alone.

        Raises:
            SettingsError: no setting has that name.
        """
        changes: dict[str, Any] = {}
        for name, value in values.items():
            part, kind = _place(name, "the program")
            if part:
                changes[part] = dataclasses.replace(
                    changes.get(part, getattr(self, part)), **{name: value}
                )
            else:
                changes[name] = kind(value)
        return dataclasses.replace(self, **changes)


PARTS: Mapping[str, type] = {
    "embedding": EmbeddingSettings,
    "ingest": IngestSettings,
    "retrieval": RetrievalSettings,
    "answer": AnswerSettings,
    "machine": MachineSettings,
    "web": WebSettings,
}


def setting_names() -> list[str]:
    """Return the names of all settings, as people write them."""
    own = [field.name for field in dataclasses.fields(Settings) if field.name not in PARTS]
    return own + [field.name for part in PARTS.values() for field in dataclasses.fields(part)]


def secret_names() -> list[str]:
    """Return the names of settings that are never shown."""
    fields = (field for part in PARTS.values() for field in dataclasses.fields(part))
    return [field.name for field in fields if not field.repr]


def load_settings(
    flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Merge the four layers. ``flags`` whose value is None count as not given.

    Raises:
        SettingsError: an unknown key, or a value of the wrong kind, naming where it came from.
    """
    environment = os.environ if environment is None else environment
    given_flags = {key: value for key, value in (flags or {}).items() if value is not None}
    from_environment = {
        key.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(ENVIRONMENT_PREFIX) and value
    }
    layers = [("the environment", from_environment), ("the command line", given_flags)]
    home = given_flags.get("home") or from_environment.get("home") or Settings().home
    file = Path(home).expanduser() / SETTINGS_FILE
    if file.is_file():
        layers.insert(0, (str(file), _read_toml(file)))
    merged: dict[str, Any] = {}
    for origin, layer in layers:
        for key, value in layer.items():
            name = RENAMED.get(key, key)
            merged[name] = _convert(name, value, origin)
    settings = Settings().having(**merged)
    return dataclasses.replace(
        settings,
        home=settings.home.expanduser().absolute(),
        models=settings.models.expanduser().absolute(),
    )


def forget_secrets() -> None:
    """Take secrets out of the environment, which every child process would inherit."""
    for name in secret_names():
        os.environ.pop(f"{ENVIRONMENT_PREFIX}{name.upper()}", None)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("settings_file_unreadable", file=file, reason=error) from error


def _place(name: str, origin: str) -> tuple[str, type]:
    """Return the part that a setting is in, empty for those outside all, and its type."""
    for part, kind in PARTS.items():
        for field in dataclasses.fields(kind):
            if field.name == name:
                return part, type(field.default)
    for field in dataclasses.fields(Settings):
        if field.name == name and name not in PARTS:
            return "", Path if isinstance(field.default, Path) else type(field.default)
    raise SettingsError(
        "setting_unknown", name=name, origin=origin, known=", ".join(setting_names())
    )


def _convert(key: str, value: Given, origin: str) -> Given:
    part, kind = _place(key, origin)
    try:
        if kind is bool:
            return _to_bool(value)
        if kind in (int, float) and isinstance(value, bool):
            raise ValueError("true and false are not numbers")
        if kind is int and isinstance(value, float):
            raise ValueError("int() would cut it")
        if kind is str and not isinstance(value, str):
            raise ValueError("str() would take anything")
        return kind(value)
    except (ValueError, TypeError) as error:
        defaults = getattr(Settings(), part) if part else Settings()
        raise SettingsError(
            "setting_of_wrong_kind",
            name=key,
            origin=origin,
            value="…" if key in secret_names() else repr(value),
            kind=kind.__name__,
            default=repr(getattr(defaults, key)),
        ) from error


def _to_bool(value: Given) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]
