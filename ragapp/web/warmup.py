"""Loads the models while the page is already open: the one that searches first."""

from __future__ import annotations

import logging
import threading
from enum import StrEnum

from ragapp.errors import ModelMissing, RagappError
from ragapp.workspace import Workspace

logger = logging.getLogger(__name__)


class Readiness(StrEnum):
    """How far it is."""

    PREPARING = "preparing"
    READY = "ready"
    NO_EMBEDDER = "no_embedder"
    NO_CHAT_MODEL = "no_chat_model"


class Warmup:
    """One background load; begun anew when the last one found a model missing."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
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
        try:
            if kb in self._workspace.knowledge_base_names():
                self._workspace.open(kb)
            else:
                self._workspace.load_embedder()
        except ModelMissing:
            return Readiness.NO_EMBEDDER
        try:
            self._workspace.answering_engine(self._workspace.settings.answer_mode)
        except ModelMissing:
            return Readiness.NO_CHAT_MODEL
        return Readiness.READY
