"""The models of a process: encoder, reranker, chat engine, each loaded once and kept."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp import paths
from ragapp.embedding.pool import Pooling
from ragapp.errors import SettingsError, UsageError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import EngineKind
from ragapp.llm.options import ChatOptions
from ragapp.retrieval.rerank import CrossEncoderReranker, Reranker, SentenceReranker
from ragapp.settings import Settings
from ragapp.text.sentences import sentence_spans

if TYPE_CHECKING:
    import torch

    from ragapp.embedding.encode import Encoder
    from ragapp.embedding.whiten import BackgroundStatistics
    from ragapp.llm.engine import ChatEngine
    from ragapp.machine import Hardware


class Models:
    """Loads each model once and keeps it. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._engine_lock = threading.Lock()  # its load takes seconds, and searches go on meanwhile
        self._encoders: dict[tuple[str, Pooling], Encoder] = {}
        self._engine: ChatEngine | None = None
        self._torch_engine: ChatEngine | None = None
        self._reranker: Reranker | None = None
        self._hardware: Hardware | None = None

    # --- retrieval ---

    def encoder(self, name: str | None = None, pooling: Pooling | None = None) -> Encoder:
        """Load an embedding model; without a name the one that new knowledge bases are made with.

        Raises:
            ModelMissing: it is not on this machine.
            SettingsError: the settings name a pooling that there is not.
        """
        from ragapp.embedding.encode import Encoder
        from ragapp.weights import pull, registry

        name = name or self.settings.embedding.embedder
        pooling = pooling or self._pooling()
        with self._lock:
            if (name, pooling) not in self._encoders:
                _quieten_transformers()
                entry = registry.find(name)
                self._encoders[name, pooling] = Encoder.load(
                    pull.resolve(name, self.settings.models),
                    pooling,
                    query_prefix=entry.query_prefix if entry else "",
                    passage_prefix=entry.passage_prefix if entry else "",
                    device=self._device(),
                    dtype=self._dtype(),
                    trust_remote_code=self.settings.machine.trust_remote_code == name,
                )
            return self._encoders[name, pooling]

    def fingerprint(self, embedder: str) -> str:
        """Return what tells the weights of an embedding model from any others of its name."""
        from ragapp.weights import pull
        from ragapp.weights.manifest import weights_fingerprint

        return weights_fingerprint(pull.resolve(embedder, self.settings.models))

    def background(self, encoder: Encoder, fingerprint: str) -> BackgroundStatistics:
        """Return what an encoder makes of generic text, computed once for its weights."""
        from ragapp.embedding.background import background_statistics

        file = paths.background_statistics(self.settings.models, fingerprint, encoder.pooling.value)
        return background_statistics(encoder, file, sentence_spans)

    def reranker(self) -> Reranker:
        """Load the reranker of the settings.

        Raises:
            ModelMissing: it is a model that is not on this machine.
        """
        from ragapp.weights import pull

        with self._lock:
            if self._reranker is None:
                name = self.settings.retrieval.reranker
                if name == "sentences":
                    self._reranker = SentenceReranker()
                else:
                    folder: Path = pull.resolve(name, self.settings.models)
                    self._reranker = CrossEncoderReranker.load(folder, self._device())
            return self._reranker

    # --- answers ---

    def chat_model_name(self) -> str:
        """Return the chat model that answers: the setting, or the best default that is here.

        Raises:
            ModelMissing: none is here.
        """
        from ragapp.weights import pull

        if self.settings.answer.chat_model != "auto":
            return self.settings.answer.chat_model
        return pull.default_chat_model(self.settings.models)

    def pull_command(self) -> str:
        """Return the command that fetches the chat model the settings ask for."""
        name = self.settings.answer.chat_model
        return "ragapp models pull" if name == "auto" else f"ragapp models pull {name}"

    def too_weak(self) -> str | None:
        """Return the name of the chat model where it is only good for quoting, else None.

        Raises:
            ModelMissing: none is here.
        """
        from ragapp.weights import registry

        if self.settings.machine.endpoint:
            return None
        entry = registry.find(self.chat_model_name())
        return entry.name if entry is not None and entry.quotes_only else None

    def decoding(self) -> Decoding:
        """Return how answers are decoded, as the settings say.

        Raises:
            SettingsError: there is no preset of that name.
        """
        preset = Decoding.preset(self.settings.answer.decoding)
        return replace(preset, max_new_tokens=self.settings.answer.max_new_tokens)

    def engine(self, decoding: Decoding | None = None) -> ChatEngine:
        """Load the chat engine; where it lacks a way of decoding, the torch engine steps in.

        Raises:
            ModelMissing: the chat model is not on this machine.
            UsageError: no engine that the settings allow decodes in that way.
        """
        from ragapp.llm import load

        with self._engine_lock:
            if self._engine is None:
                self._engine = self._load_engine()
            if decoding is None:
                return self._engine
            try:
                self._engine.check(decoding)
            except UsageError:
                decoding.check()
                if self._chat_options().kind is not EngineKind.AUTO:
                    raise
            else:
                return self._engine
            if self._torch_engine is None:
                self._torch_engine = load.load_torch(*self._local_model())
            self._torch_engine.check(decoding)
            return self._torch_engine

    def _load_engine(self) -> ChatEngine:
        from ragapp.llm import load

        options, name = self._chat_options(), self.settings.answer.chat_model
        if options.kind is EngineKind.ENDPOINT:
            return load.load_endpoint(options, "" if name == "auto" else name)
        return load.load(*self._local_model())

    def _chat_options(self) -> ChatOptions:
        """Return what the settings say of the chat model, but where and in what it computes."""
        answer, machine = self.settings.answer, self.settings.machine
        return ChatOptions(
            engine=machine.engine,
            models=self.settings.models,
            context_tokens=answer.context_tokens,
            quantization=machine.quantization,
            adapter=answer.adapter,
            low_memory=machine.low_memory,
            thinking=answer.thinking,
            trust_remote_code=machine.trust_remote_code,
            endpoint=machine.endpoint,
            endpoint_key=machine.endpoint_key,
        )

    def _local_model(self) -> tuple[Path, str, ChatOptions]:
        from ragapp.weights import pull

        _quieten_transformers()
        name = self.chat_model_name()
        folder = pull.resolve(name, self.settings.models)
        options = replace(self._chat_options(), device=self._device(), dtype=self._dtype())
        return folder, name, options

    # --- the machine ---

    def _pooling(self) -> Pooling:
        name = self.settings.embedding.pooling
        try:
            return Pooling(name)
        except ValueError as error:
            raise SettingsError("pooling_unknown", name=name, known=", ".join(Pooling)) from error

    def _device(self) -> str:
        if self.settings.machine.device != "auto":
            return self.settings.machine.device
        return self._probed().device

    def _dtype(self) -> torch.dtype:
        import torch

        names = {
            "bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32,
        }  # fmt: skip
        name = self.settings.machine.dtype
        if name == "auto":
            return torch.bfloat16 if self._probed().bf16_fast else torch.float32
        if name not in names:
            raise SettingsError("dtype_unknown", name=name, known=", ".join(["auto", *names]))
        return names[name]

    def _probed(self) -> Hardware:
        from ragapp import machine

        with self._lock:
            if self._hardware is None:
                self._hardware = machine.probe(self.settings.models)
            return self._hardware


def _quieten_transformers() -> None:
    """Keep its progress bars and load reports out of our terminal."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
