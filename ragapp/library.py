"""The one door to knowledge bases: their names, making, opening, listing and deleting them."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp import paths
from ragapp.embedding.background import BACKGROUND_VERSION
from ragapp.embedding.pool import Pooling
from ragapp.embedding.space import VectorSpace
from ragapp.errors import KnowledgeBaseMismatch
from ragapp.index import knowledge_base as kbs
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.recipe import Recipe
from ragapp.index.store import StoredDocument
from ragapp.models import Models
from ragapp.people import Person
from ragapp.retrieval.rerank import Reranker
from ragapp.settings import Settings
from ragapp.text.terms import TERMS_VERSION

if TYPE_CHECKING:
    from ragapp.embedding.encode import Encoder

PRIVATE = 0o700
"""Nobody else on this machine reads the documents."""


@dataclass(frozen=True, slots=True)
class OpenKnowledgeBase:
    """A knowledge base with the models that it was made with."""

    kb: KnowledgeBase
    encoder: Encoder
    space: VectorSpace
    reranker: Reranker
    chunk_tokens: int
    with_ocr: bool = False  # pictures of pages are read, too


@dataclass(frozen=True, slots=True)
class KnowledgeBaseSummary:
    """A knowledge base as listed."""

    name: str
    documents: int
    chunks: int
    folder: Path
    embedder: str
    pooling: str


class Library:
    """The knowledge bases under one home. Safe to share between threads.

    ``by`` is who asks; until there are accounts, everybody may do everything.
    """

    def __init__(self, settings: Settings, models: Models | None = None) -> None:
        self.settings = settings
        self.models = models or Models(settings)
        self._lock = threading.RLock()
        # By name, with when it was created: one deleted and made anew elsewhere is another one.
        self._open: dict[str, tuple[str, OpenKnowledgeBase]] = {}

    def names(self, by: Person) -> list[str]:
        """Return the names of the knowledge bases there are."""
        return kbs.list_names(self.settings.home)

    def folder(self, name: str, by: Person) -> Path:
        """Return where a knowledge base is kept, whether it exists or not.

        Raises:
            UsageError: the name cannot be used.
        """
        return paths.knowledge_base(self.settings.home, name)

    def summaries(self, by: Person) -> list[KnowledgeBaseSummary]:
        """List the knowledge bases; no model is loaded."""
        found = []
        for name in self.names(by):
            kb = self._closed(name)
            documents, recipe = kb.documents(), kb.recipe()
            chunks = sum(document.chunks for document in documents)
            found.append(
                KnowledgeBaseSummary(
                    name, len(documents), chunks, kb.folder, recipe.embedder, recipe.pooling
                )
            )
        return found

    def documents(self, name: str, by: Person) -> list[StoredDocument]:
        """List the documents of a knowledge base; no model is loaded.

        Raises:
            KnowledgeBaseMissing: there is none of that name.
        """
        return self._closed(name).documents()

    def create(self, name: str, by: Person) -> OpenKnowledgeBase:
        """Make a knowledge base with the embedding settings of now, which it then keeps.

        Raises:
            UsageError: it exists, or the name cannot be used.
            ModelMissing: the embedding model is not on this machine.
        """
        folder = self.folder(name, by)
        embedding = self.settings.embedding
        encoder = self.models.encoder()
        self._make_home_private()
        KnowledgeBase.create(
            folder,
            Recipe(
                embedder=embedding.embedder,
                embedder_fingerprint=self.models.fingerprint(embedding.embedder),
                pooling=encoder.pooling.value,
                dimension=encoder.dimension,
                query_prefix=encoder.query_prefix,
                passage_prefix=encoder.passage_prefix,
                whitening=embedding.whitening,
                whitening_exponent=embedding.whitening_exponent,
                whitening_dimensions=embedding.whitening_dimensions,
                whitening_shared_mean=embedding.whitening_shared_mean,
                chunk_tokens=embedding.chunk_tokens,
                background_version=BACKGROUND_VERSION,
            ),
        )
        return self.open(name, by)

    def open(self, name: str, by: Person) -> OpenKnowledgeBase:
        """Open a knowledge base with the models it was made with.

        Raises:
            KnowledgeBaseMissing: there is none of that name.
            ModelMissing: its embedding model is no longer on this machine.
            KnowledgeBaseMismatch: model or rules are no longer those it was made with.
        """
        kb = self._closed(name)
        with self._lock:
            recipe = kb.recipe()
            created, known = self._open.get(name, ("", None))
            if known is not None and created == recipe.created:
                return known
            encoder = self.models.encoder(recipe.embedder, Pooling(recipe.pooling))
            self._check(name, recipe, encoder)
            opened = OpenKnowledgeBase(
                kb=kb,
                encoder=encoder,
                space=self._space(recipe, encoder),
                reranker=self.models.reranker(),
                chunk_tokens=recipe.chunk_tokens,
                with_ocr=self.models.settings.ingest.ocr,
            )
            self._open[name] = (recipe.created, opened)
            return opened

    def open_or_create(self, name: str, by: Person) -> OpenKnowledgeBase:
        """Open a knowledge base, making it first when there is none."""
        if name in self.names(by):
            return self.open(name, by)
        return self.create(name, by)

    def delete(self, name: str, by: Person) -> None:
        """Delete a knowledge base and the uploads kept with it.

        Raises:
            KnowledgeBaseMissing, KnowledgeBaseBusy: there is none, or it is being written.
        """
        kbs.delete(self.folder(name, by))
        with self._lock:
            self._open.pop(name, None)

    def _closed(self, name: str) -> KnowledgeBase:
        return KnowledgeBase.open(paths.knowledge_base(self.settings.home, name))

    def _check(self, name: str, recipe: Recipe, encoder: Encoder) -> None:
        """Refuse to mix vectors or terms of two makings in one knowledge base."""
        now = replace(
            recipe,
            embedder_fingerprint=self.models.fingerprint(recipe.embedder),
            dimension=encoder.dimension,
            query_prefix=encoder.query_prefix,
            passage_prefix=encoder.passage_prefix,
            terms_version=TERMS_VERSION,
        )
        differing = recipe.differences(now)
        if "terms_version" in differing:
            raise KnowledgeBaseMismatch(
                "base_other_terms", name=name, then=recipe.terms_version, now=now.terms_version
            )
        if differing:
            raise KnowledgeBaseMismatch(
                "base_other_weights",
                name=name,
                embedder=recipe.embedder,
                models=self.settings.models,
                fields=", ".join(differing),
            )

    def _space(self, recipe: Recipe, encoder: Encoder) -> VectorSpace:
        background = None
        if recipe.whitening:
            background = self.models.background(encoder, recipe.embedder_fingerprint)
        return VectorSpace(
            dimension=recipe.dimension,
            background=background,
            exponent=recipe.whitening_exponent,
            dimensions=recipe.whitening_dimensions,
            shared_mean=recipe.whitening_shared_mean,
        )

    def _make_home_private(self) -> None:
        home = paths.knowledge_bases(self.settings.home)
        if not home.exists():
            home.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # a file system without permissions
                home.chmod(PRIVATE)
