"""What is loaded: the one place that holds models and open knowledge bases of a process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp import paths
from ragapp.embedding.pool import Pooling
from ragapp.embedding.space import VectorSpace
from ragapp.errors import ModelError, SettingsError, UsageError
from ragapp.index import knowledge_base as kbs
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import EngineKind
from ragapp.llm.options import ChatOptions
from ragapp.retrieval.rerank import CrossEncoderReranker, Reranker, SentenceReranker
from ragapp.settings import Settings
from ragapp.text.sentences import sentence_spans

if TYPE_CHECKING:
    import torch

    from ragapp.embedding.encode import Encoder
    from ragapp.llm.engine import ChatEngine
    from ragapp.machine import Hardware

ANSWER_MODES = ("auto", "generate", "quotes")


@dataclass(frozen=True, slots=True)
class OpenKnowledgeBase:
    """A knowledge base with the models that it was made with."""

    kb: KnowledgeBase
    encoder: Encoder
    space: VectorSpace
    reranker: Reranker
    chunk_tokens: int


class Workspace:
    """Loads each model once and keeps it. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._engine_lock = threading.Lock()  # its load takes seconds, and searches go on meanwhile
        self._encoders: dict[tuple[str, Pooling], Encoder] = {}
        # By name, with when it was created: one deleted and made anew elsewhere is another one.
        self._open: dict[str, tuple[str, OpenKnowledgeBase]] = {}
        self._engine: ChatEngine | None = None
        self._torch_engine: ChatEngine | None = None
        self._reranker: Reranker | None = None
        self._hardware: Hardware | None = None

    @staticmethod
    def _quieten_transformers() -> None:
        """Keep its progress bars and load reports out of our terminal."""
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()

    def knowledge_base_names(self) -> list[str]:
        """List the knowledge bases there are."""
        return kbs.list_names(self.settings.home)

    def create(self, name: str) -> OpenKnowledgeBase:
        """Make a knowledge base with the embedding settings of now, which it then keeps.

        Raises:
            UsageError: it exists, or the name cannot be used.
            ModelMissing: the embedding model is not on this machine.
        """
        folder = paths.knowledge_base(self.settings.home, name)
        encoder = self.load_embedder()
        identity = {
            "embedder": self.settings.embedder,
            "embedder_fingerprint": self._fingerprint(self.settings.embedder),
            "pooling": encoder.pooling.value,
            "dimension": str(encoder.dimension),
            "whitening": "yes" if self.settings.whitening else "no",
            "whitening_exponent": str(self.settings.whitening_exponent),
            "whitening_dimensions": str(self.settings.whitening_dimensions),
            "whitening_shared_mean": "yes" if self.settings.whitening_shared_mean else "no",
            "chunk_tokens": str(self.settings.chunk_tokens),
            "created": str(time.time_ns()),
        }
        KnowledgeBase.create(folder, identity)
        return self.open(name)

    def open(self, name: str) -> OpenKnowledgeBase:
        """Open a knowledge base with the models it was made with.

        Raises:
            KnowledgeBaseMissing: there is none of that name.
            ModelMissing: its embedding model is no longer on this machine.
            ModelError: the model is here with other weights.
        """
        kb = KnowledgeBase.open(paths.knowledge_base(self.settings.home, name))
        with self._lock:
            identity = kb.identity()
            created, known = self._open.get(name, ("", None))
            if known is not None and created == identity["created"]:
                return known
            self._check_weights(name, identity)
            encoder = self._encoder(identity["embedder"], Pooling(identity["pooling"]))
            opened = OpenKnowledgeBase(
                kb=kb,
                encoder=encoder,
                space=self._space(identity, encoder),
                reranker=self._load_reranker(),
                chunk_tokens=int(identity["chunk_tokens"]),
            )
            self._open[name] = (identity["created"], opened)
            return opened

    def open_or_create(self, name: str) -> OpenKnowledgeBase:
        """Open a knowledge base, making it first when there is none."""
        if name in self.knowledge_base_names():
            return self.open(name)
        return self.create(name)

    def delete(self, name: str) -> None:
        """Delete a knowledge base and the uploads kept with it."""
        kbs.delete(paths.knowledge_base(self.settings.home, name))
        with self._lock:
            self._open.pop(name, None)

    def load_embedder(self) -> Encoder:
        """Load the embedding model that new knowledge bases are made with, once.

        Raises:
            ModelMissing: it is not on this machine.
        """
        return self._encoder(self.settings.embedder, self._pooling())

    def chat_model_name(self) -> str:
        """Return the chat model that answers: the setting, or the best default that is here.

        Raises:
            ModelMissing: none is here.
        """
        from ragapp.weights import pull

        if self.settings.chat_model != "auto":
            return self.settings.chat_model
        return pull.default_chat_model(self.settings.models)

    def decoding(self) -> Decoding:
        """Return how answers are decoded, as the settings say.

        Raises:
            SettingsError: there is no preset of that name.
        """
        preset = Decoding.preset(self.settings.decoding)
        return replace(preset, max_new_tokens=self.settings.max_new_tokens)

    def engine(self, decoding: Decoding | None = None) -> ChatEngine:
        """Load the chat engine, once; where it lacks a way of decoding, the torch engine steps in.

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

        options = self._chat_options()
        if options.kind is EngineKind.ENDPOINT:
            model = "" if self.settings.chat_model == "auto" else self.settings.chat_model
            return load.load_endpoint(options, model)
        return load.load(*self._local_model())

    def _chat_options(self) -> ChatOptions:
        return ChatOptions(
            engine=self.settings.engine,
            models=self.settings.models,
            context_tokens=self.settings.context_tokens,
            quantization=self.settings.quantization,
            adapter=self.settings.adapter,
            low_memory=self.settings.low_memory,
            thinking=self.settings.thinking,
            trust_remote_code=self.settings.trust_remote_code,
            endpoint=self.settings.endpoint,
            endpoint_key=self.settings.endpoint_key,
        )

    def _local_model(self) -> tuple[Path, str, ChatOptions]:
        from ragapp.weights import pull

        self._quieten_transformers()
        name = self.chat_model_name()
        folder = pull.resolve(name, self.settings.models)
        options = replace(self._chat_options(), device=self._device(), dtype=self._dtype())
        return folder, name, options

    def answering_engine(
        self, mode: str, decoding: Decoding | None = None
    ) -> tuple[ChatEngine | None, str | None]:
        """Return the engine that answers in a mode, None for quotation.

        The second value names a model that ``auto`` judged too weak to be trusted with answers.

        Raises:
            SettingsError: there is no such mode.
            ModelMissing: no chat model is on this machine, and the mode needs one.
        """
        from ragapp.weights import registry

        if mode not in ANSWER_MODES:
            raise SettingsError(
                f"answer mode '{mode}'",
                "there is none of that name",
                f"Choose one of: {', '.join(ANSWER_MODES)}.",
            )
        if mode == "quotes":
            return None, None
        if mode == "auto" and not self.settings.endpoint:
            entry = registry.find(self.chat_model_name())
            if entry is not None and entry.quotes_only:
                return None, entry.name
        return self.engine(decoding), None

    def _pooling(self) -> Pooling:
        try:
            return Pooling(self.settings.pooling)
        except ValueError as error:
            raise SettingsError(
                f"pooling '{self.settings.pooling}'",
                "there is none of that name",
                f"Choose one of: {', '.join(Pooling)}.",
            ) from error

    def _encoder(self, name: str, pooling: Pooling) -> Encoder:
        from ragapp.embedding.encode import Encoder
        from ragapp.weights import pull, registry

        with self._lock:
            if (name, pooling) not in self._encoders:
                self._quieten_transformers()
                entry = registry.find(name)
                self._encoders[name, pooling] = Encoder.load(
                    pull.resolve(name, self.settings.models),
                    pooling,
                    query_prefix=entry.query_prefix if entry else "",
                    passage_prefix=entry.passage_prefix if entry else "",
                    device=self._device(),
                    dtype=self._dtype(),
                    trust_remote_code=self.settings.trust_remote_code == name,
                )
            return self._encoders[name, pooling]

    def _fingerprint(self, embedder: str) -> str:
        from ragapp.weights import pull
        from ragapp.weights.manifest import weights_fingerprint

        return weights_fingerprint(pull.resolve(embedder, self.settings.models))

    def _check_weights(self, name: str, identity: dict[str, str]) -> None:
        """Refuse to mix vectors of two builds of a model in one knowledge base."""
        if self._fingerprint(identity["embedder"]) != identity["embedder_fingerprint"]:
            raise ModelError(
                f"knowledge base '{name}'",
                f"it was made with other weights of {identity['embedder']} than those in"
                f" {self.settings.models}, and vectors of the two cannot be compared",
                "Point RAGAPP_MODELS at the weights it was made with, or ingest the documents into"
                " a new knowledge base.",
            )

    def _space(self, identity: dict[str, str], encoder: Encoder) -> VectorSpace:
        from ragapp.embedding.background import background_statistics

        background = None
        if identity["whitening"] == "yes":
            file = paths.background_statistics(
                self.settings.models, identity["embedder_fingerprint"], identity["pooling"]
            )
            background = background_statistics(encoder, file, sentence_spans)
        return VectorSpace(
            dimension=int(identity["dimension"]),
            background=background,
            exponent=float(identity["whitening_exponent"]),
            dimensions=int(identity["whitening_dimensions"]),
            shared_mean=identity["whitening_shared_mean"] == "yes",
        )

    def _load_reranker(self) -> Reranker:
        from ragapp.weights import pull

        if self._reranker is None:
            name = self.settings.reranker
            if name == "sentences":
                self._reranker = SentenceReranker()
            else:
                folder: Path = pull.resolve(name, self.settings.models)
                self._reranker = CrossEncoderReranker.load(folder, self._device())
        return self._reranker

    def _device(self) -> str:
        if self.settings.device != "auto":
            return self.settings.device
        return self._probed().device

    def _dtype(self) -> torch.dtype:
        import torch

        names = {
            "bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32,
        }  # fmt: skip
        if self.settings.dtype == "auto":
            return torch.bfloat16 if self._probed().bf16_fast else torch.float32
        if self.settings.dtype not in names:
            raise SettingsError(
                f"dtype '{self.settings.dtype}'",
                "there is none of that name",
                f"Choose one of: auto, {', '.join(names)}.",
            )
        return names[self.settings.dtype]

    def _probed(self) -> Hardware:
        from ragapp import machine as hardware

        with self._lock:
            if self._hardware is None:
                self._hardware = hardware.probe(self.settings.models)
            return self._hardware
