"""One frozen Settings: defaults < ragapp.toml < environment < flags; unknown keys are errors.

``RAGAPP_HOME`` (default ``~/.ragapp``) holds knowledge bases and ``ragapp.toml``;
``RAGAPP_MODELS`` (default ``~/.cache/ragapp/models``) holds weights. Every other field is read
from the environment as ``RAGAPP_`` and its name in capitals, for example ``RAGAPP_CHAT_MODEL``.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragapp.errors import SettingsError

ENVIRONMENT_PREFIX = "RAGAPP_"
SETTINGS_FILE = "ragapp.toml"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can choose. Sizes in tokens, lengths of time in seconds."""

    home: Path = Path("~/.ragapp")
    models: Path = Path("~/.cache/ragapp/models")
    kb: str = "default"

    # embedding: fixed for a knowledge base when it is created
    embedder: str = "multilingual-e5-small"
    pooling: str = "first-last-avg"
    whitening: bool = True
    whitening_exponent: float = 0.2
    whitening_dimensions: int = 0  # 0 keeps all
    whitening_shared_mean: bool = False  # True with exponent 0.5: the published BERT-whitening
    chunk_tokens: int = 320

    # retrieval
    reranker: str = "sentences"  # or any sentence-transformers CrossEncoder
    top_k: int = 10

    # answers
    chat_model: str = "auto"
    answer_mode: str = "auto"  # generate, quotes, or auto: what the model is good enough for
    max_new_tokens: int = 400
    context_tokens: int = 0  # 0: what the model declares, at most 8192
    decoding: str = "precise"  # a preset: precise, balanced, creative
    thinking: bool = False  # let a reasoning model think before it answers
    adapter: str = ""  # a LoRA adapter (peft) for the chat model: a folder
    trust_remote_code: str = ""  # the one model allowed to run its own code

    # machine
    device: str = "auto"
    dtype: str = "auto"
    engine: str = "auto"  # torch, openvino, endpoint, or auto: the fastest that is here
    quantization: str = "none"  # of the torch engine's weights: none, int8, int4
    low_memory: bool = False  # stream the chat model's layers from disk
    endpoint: str = ""  # address of an OpenAI-compatible server, for example http://host:8000/v1
    endpoint_key: str = dataclasses.field(default="", repr=False)

    # web
    host: str = "127.0.0.1"
    port: int = 7860
    password: str = dataclasses.field(default="", repr=False)
    password_file: str = ""  # a file whose first line is the password
    tls_certificate: str = ""  # PEM files: with both the page is served over https
    tls_key: str = ""
    trusted_proxies: str = ""  # addresses whose X-Forwarded headers are believed, by commas
    language: str = "auto"  # of the interface: zh, en, or what the browser asks for


SECRETS = tuple(field.name for field in dataclasses.fields(Settings) if not field.repr)
"""Settings that are never shown."""


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
            merged[key] = _convert(key, value, origin)
    settings = Settings(**merged)
    return dataclasses.replace(
        settings,
        home=settings.home.expanduser().absolute(),
        models=settings.models.expanduser().absolute(),
    )


def forget_secrets() -> None:
    """Take secrets out of the environment, which every child process would inherit."""
    for name in SECRETS:
        os.environ.pop(f"{ENVIRONMENT_PREFIX}{name.upper()}", None)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), str(error), "Mend the file or move it away.") from error


def _convert(key: str, value: Any, origin: str) -> Any:  # noqa: ANN401 - a setting has one of five kinds
    kinds = {f.name: type(f.default) for f in dataclasses.fields(Settings)}
    if key not in kinds:
        raise SettingsError(
            f"unknown setting '{key}' in {origin}",
            "no setting has that name",
            f"Known settings: {', '.join(kinds)}.",
        )
    kind: type = kinds[key]
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
        raise SettingsError(
            f"setting '{key}' in {origin}",
            f"{'it' if key in SECRETS else repr(value)} is not a value of kind {kind.__name__}",
            f"The default is {getattr(Settings(), key)!r}.",
        ) from error


def _to_bool(value: Any) -> bool:  # noqa: ANN401 - checks what TOML or the environment delivered
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]
