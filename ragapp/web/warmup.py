"""Loads the models while the page is already open: the one that searches first."""

from __future__ import annotations

import logging
import threading
from enum import StrEnum

from ragapp.ask import AnswerMode
from ragapp.errors import ModelMissing, RagappError
from ragapp.library import Library
from ragapp.people import LOCAL

logger = logging.getLogger(__name__)


class Readiness(StrEnum):
    """How far it is."""

    PREPARING = "preparing"
    READY = "ready"
    NO_EMBEDDER = "no_embedder"
    NO_CHAT_MODEL = "no_chat_model"


class Warmup:
    """One background load; begun anew when the last one found a model missing."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._thread: threading.Thread | None = None
        self.readiness = Readiness.PREPARING

    def start(self, kb: str) -> None:
        """Load what the knowledge base needs, then the chat model, unless that is done."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if running or self.readiness is Readiness.READY:
                return
            self._finished.clear()
            self._thread = threading.Thread(
                target=self._load, args=(kb,), name="warmup", daemon=True
            )
            self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; says whether it has come."""
        return self._finished.wait(timeout_s)

    def _load(self, kb: str) -> None:
        try:
            self.readiness = self._try_loading(kb)
        except RagappError as error:
            # The question that needs the model will say so again, to the person who asks it.
            logger.warning("%s", error)
            self.readiness = Readiness.READY
        finally:
            self._finished.set()

    def _try_loading(self, kb: str) -> Readiness:
        models = self._library.models
        try:
            if kb in self._library.names(LOCAL):
                self._library.open(kb, LOCAL)
            else:
                models.encoder()
        except ModelMissing:
            return Readiness.NO_EMBEDDER
        try:
            mode = AnswerMode.named(models.settings.answer.answer_mode)
            if mode is AnswerMode.GENERATE or (mode is AnswerMode.AUTO and not models.too_weak()):
                models.engine()
        except ModelMissing:
            return Readiness.NO_CHAT_MODEL
        return Readiness.READY
