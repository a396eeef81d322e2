"""Choose the engine for a chat model, and load it."""

from __future__ import annotations

import importlib.util
import logging
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp.errors import ModelError, SettingsError
from ragapp.llm.engine import ChatEngine, context_limit
from ragapp.settings import Settings

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


class EngineKind(StrEnum):
    """The values of the setting ``engine``."""

    AUTO = "auto"
    TORCH = "torch"
    OPENVINO = "openvino"
    ENDPOINT = "endpoint"


def engine_kind(settings: Settings) -> EngineKind:
    """Read the setting; an ``endpoint`` address alone asks for that engine.

    Raises:
        SettingsError: there is no such engine, or the endpoint has no address.
    """
    try:
        kind = EngineKind(settings.machine.engine)
    except ValueError as error:
        raise SettingsError(
            f"engine '{settings.machine.engine}'",
            "there is none of that name",
            f"Choose one of: {', '.join(EngineKind)}.",
        ) from error
    if kind is EngineKind.AUTO and settings.machine.endpoint:
        return EngineKind.ENDPOINT
    if kind is EngineKind.ENDPOINT and not settings.machine.endpoint:
        raise SettingsError(
            "engine 'endpoint'",
            "it has no address",
            "Set RAGAPP_ENDPOINT, for example to http://127.0.0.1:8000/v1.",
        )
    return kind


def load_endpoint(settings: Settings) -> ChatEngine:
    """Return the client of an OpenAI-compatible server.

    Raises:
        SettingsError: the address is none. EngineError: the server does not answer.
    """
    from ragapp.llm.endpoint.engine import EndpointEngine

    model = "" if settings.answer.chat_model == "auto" else settings.answer.chat_model
    return EndpointEngine.connect(
        settings.machine.endpoint,
        model,
        settings.machine.endpoint_key,
        context_tokens=settings.answer.context_tokens,
        thinking=settings.answer.thinking,
    )


def load_local(
    settings: Settings, folder: Path, name: str, device: str, dtype: torch.dtype
) -> ChatEngine:
    """Load a model of this machine into the engine that the settings ask for.

    Raises:
        ModelError: it cannot be loaded. SettingsError: OpenVINO was asked for what it cannot do.
    """
    kind = engine_kind(settings)
    reason = _no_openvino(settings, folder, device)
    if kind is EngineKind.OPENVINO and reason:
        raise SettingsError(
            f"engine 'openvino' for '{name}'", reason, "Set RAGAPP_ENGINE=auto or torch."
        )
    if kind is EngineKind.AUTO and not reason:
        from ragapp.llm.probe import openvino_is_faster

        reason = None if openvino_is_faster(settings.models, dtype) else "torch is faster here"
    if kind is not EngineKind.TORCH and not reason:
        try:
            return load_openvino(settings, folder, name)
        except ModelError as error:
            if kind is EngineKind.OPENVINO:
                raise
            reason = str(error)
    logger.info("torch runs %s: %s", name, reason or "the settings say so")
    return load_torch(settings, folder, name, device, dtype)


def load_torch(
    settings: Settings, folder: Path, name: str, device: str, dtype: torch.dtype
) -> ChatEngine:
    """Load a model into the torch engine."""
    from ragapp.llm.torch.engine import TorchEngine

    return TorchEngine.load(
        folder,
        name=name,
        device=device,
        dtype=dtype,
        context_tokens=settings.answer.context_tokens,
        quantization=settings.machine.quantization,
        adapter=settings.answer.adapter,
        low_memory=settings.machine.low_memory,
        thinking=settings.answer.thinking,
        trust_remote_code=settings.machine.trust_remote_code == name,
    )


def load_openvino(settings: Settings, folder: Path, name: str) -> ChatEngine:
    """Load a model into the OpenVINO engine, exporting it at the first call."""
    from transformers import AutoConfig

    from ragapp.llm.openvino.engine import OpenVinoEngine, open_export
    from ragapp.llm.openvino.export import exported
    from ragapp.llm.tokenizers.load import load_chat_tokenizer

    with ThreadPoolExecutor(1, "tokenizer") as beside:  # takes as long as OpenVINO
        tokenizer = beside.submit(
            load_chat_tokenizer, folder, name, thinking=settings.answer.thinking
        )
        limit = context_limit(AutoConfig.from_pretrained(folder), settings.answer.context_tokens)
        process = open_export(exported(folder, settings.models, name), name, limit)
        return OpenVinoEngine(process, tokenizer.result(), name, limit)


def _no_openvino(settings: Settings, folder: Path, device: str) -> str | None:
    """Return why OpenVINO cannot run a model here as the settings ask, None when it can."""
    from ragapp.llm.openvino.export import cannot_export

    asked: dict[str, Any] = {
        "adapter": settings.answer.adapter,
        "low_memory": settings.machine.low_memory,
        "quantization": settings.machine.quantization != "none",
    }
    if taken := [name for name, value in asked.items() if value]:
        return f"{' and '.join(taken)} needs the torch engine"
    if device != "cpu":
        return f"the model runs on {device}"
    if importlib.util.find_spec("openvino_genai") is None:
        return "openvino-genai is not installed (`pip install openvino-genai`)"
    return cannot_export(folder)
