"""Choose the engine for a chat model, and load it."""

from __future__ import annotations

import importlib.util
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ragapp.errors import ModelError, SettingsError
from ragapp.llm.engine import ChatEngine, EngineKind, context_limit
from ragapp.llm.options import ChatOptions

logger = logging.getLogger(__name__)


def load(folder: Path, name: str, options: ChatOptions) -> ChatEngine:
    """Load a model of this machine into the engine that the options ask for.

    name: the model's, for errors and for the engine to bear.

    Raises:
        ModelError: it cannot be loaded.
        SettingsError: there is no such engine, or OpenVINO was asked for what it cannot do.
    """
    kind = options.kind
    refusal = _no_openvino(folder, name, options)
    if kind is EngineKind.OPENVINO and refusal:
        raise refusal
    reason = refusal.why if refusal else None
    if kind is EngineKind.AUTO and options.models is not None and not reason:
        from ragapp.llm.probe import openvino_is_faster

        faster = openvino_is_faster(options.models, options.dtype)
        reason = None if faster else "torch is faster here"
    if kind is not EngineKind.TORCH and not reason:
        try:
            return load_openvino(folder, name, options)
        except ModelError as error:
            if kind is EngineKind.OPENVINO:
                raise
            reason = str(error)
    logger.info("torch runs %s: %s", name, reason or "the settings say so")
    return load_torch(folder, name, options)


def load_endpoint(options: ChatOptions, model: str = "") -> ChatEngine:
    """Return the client of an OpenAI-compatible server.

    model: as the server names it; empty takes its first.

    Raises:
        SettingsError: the address is none. EngineError: the server does not answer.
    """
    from ragapp.llm.endpoint.engine import EndpointEngine

    return EndpointEngine.connect(
        options.endpoint,
        model,
        options.endpoint_key,
        context_tokens=options.context_tokens,
        thinking=options.thinking,
    )


def load_torch(folder: Path, name: str, options: ChatOptions) -> ChatEngine:
    """Load a model into the torch engine, which decodes in every way.

    Raises:
        ModelError: it cannot be loaded. SettingsError: the options do not go together.
    """
    from ragapp.llm.torch.engine import TorchEngine

    return TorchEngine.load(folder, name, options)


def load_openvino(folder: Path, name: str, options: ChatOptions) -> ChatEngine:
    """Load a model into the OpenVINO engine, exporting it at the first call.

    Raises:
        ModelError: it cannot be exported or loaded. DiskFull: there is no room for the export.
    """
    from transformers import AutoConfig

    from ragapp.llm.openvino.engine import OpenVinoEngine, open_export
    from ragapp.llm.openvino.export import exported
    from ragapp.llm.tokenizers.load import load_chat_tokenizer

    if options.models is None:
        raise ValueError("ChatOptions.models says where exports are kept")
    with ThreadPoolExecutor(1, "tokenizer") as beside:  # takes as long as OpenVINO
        tokenizer = beside.submit(load_chat_tokenizer, folder, name, thinking=options.thinking)
        limit = context_limit(AutoConfig.from_pretrained(folder), options.context_tokens)
        process = open_export(exported(folder, options.models, name), name, limit)
        return OpenVinoEngine(process, tokenizer.result(), name, limit)


def _no_openvino(folder: Path, name: str, options: ChatOptions) -> SettingsError | None:
    """Return why OpenVINO cannot run a model here as the options ask, None when it can."""
    from ragapp.llm.openvino.export import cannot_export

    asked = {
        "adapter": bool(options.adapter),
        "low_memory": options.low_memory,
        "quantization": options.quantization != "none",
    }
    if taken := [setting for setting, value in asked.items() if value]:
        return SettingsError("openvino_needs_torch", name=name, settings=", ".join(taken))
    if options.device != "cpu":
        return SettingsError("openvino_on_device", name=name, device=options.device)
    if options.models is None:
        return SettingsError("openvino_no_folder", name=name)
    if importlib.util.find_spec("openvino_genai") is None:
        return SettingsError("openvino_not_installed", name=name)
    return cannot_export(folder, name)
