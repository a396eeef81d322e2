"""Reading a knowledge base through: every row against its checksum, every file of the index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ragapp import paths
from ragapp.errors import KnowledgeBaseDamaged, RagappError
from ragapp.index.backend import IndexDamaged
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.local import manifest as manifests
from ragapp.index.local.files import read_checked
from ragapp.index.store import Store


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at and what is wrong. harmed: of the truth; stale: caches, made anew."""

    documents: int = 0
    passages: int = 0
    files: int = 0
    harmed: tuple[RagappError, ...] = ()
    stale: tuple[str, ...] = field(default=())


def verify(folder: Path) -> Verified:
    """Read a knowledge base through; only what cannot be opened at all raises.

    Raises:
        KnowledgeBaseMissing: there is none.
    """
    kb = KnowledgeBase.open(folder)
    harmed: list[RagappError] = []
    documents = passages = generation = 0
    try:
        with kb.reading() as store:
            generation = store.generation()
            documents, passages = store.counts()
            harmed += _problems(store, folder.name)
    except KnowledgeBaseDamaged as error:
        harmed.append(error)
    files, stale = _index(folder, generation)
    return Verified(documents, passages, files, tuple(harmed), tuple(stale))


def _problems(store: Store, kb: str) -> Iterator[RagappError]:
    for said in store.integrity():
        yield KnowledgeBaseDamaged("database_damaged", kb=kb, reason=said)
        return  # rows of a broken tree say nothing more
    for read in (store.fitted_space, store.check_whitening):
        try:
            read()
        except KnowledgeBaseDamaged as error:
            yield error
    for name in store.harmed_documents():
        yield KnowledgeBaseDamaged("document_damaged", kb=kb, document=name)
    if store.incomplete():
        yield KnowledgeBaseDamaged("passages_missing", kb=kb)


def _index(folder: Path, generation: int) -> tuple[int, list[str]]:
    """Check the files of the current generation's index; its absence is no harm."""
    index = paths.index_folder(folder)
    files, stale = 0, []
    if not manifests.file_of(index, generation).exists():
        return 0, []
    try:
        manifest = manifests.read(index, generation)
    except (OSError, IndexDamaged) as error:
        return 1, [str(error)]
    for entry in manifest.segments:
        for name, checksum in entry.files.items():
            files += 1
            try:
                read_checked(index / name, checksum)
            except (OSError, IndexDamaged) as error:
                stale.append(str(error))
    return files + 1, stale
