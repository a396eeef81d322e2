"""One generation ready to search, and the cache files it is kept in beside the store.

The cache of a generation is a folder: ``dense.faiss``, ``lexical.safetensors``,
``rows.safetensors`` and a manifest with the size and SHA-256 of each. It is opened only when all
of it matches; it can always be rebuilt from the store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ragapp import paths
from ragapp.index import dense, lexical
from ragapp.index.store import IndexRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
DENSE = "dense.faiss"
LEXICAL = "lexical.safetensors"
ROWS = "rows.safetensors"


class VectorSpace(Protocol):
    """How raw vectors become the compared ones (embedding.space; plain arrays in and out)."""

    def fit(
        self,
        vectors: NDArray[np.float32],
        texts: Sequence[str],
        sentences: Iterable[tuple[str, NDArray[np.float32]]],
    ) -> dict[str, NDArray[np.float32]]:
        """Fit on raw vectors; return the state."""

    def apply(
        self,
        state: Mapping[str, NDArray[np.float32]],
        vectors: NDArray[np.float32],
        texts: Sequence[str],
    ) -> NDArray[np.float32]:
        """Map raw passage vectors to the compared ones."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation, ready to search; row i of both indexes is chunk ``ids[i]``.

    ids: (n,) int64; space_state: what ``VectorSpace.fit`` returned for this generation.
    """

    generation: int
    ids: NDArray[np.int64]
    dense: dense.DenseIndex
    lexical: lexical.LexicalIndex
    space_state: Mapping[str, NDArray[np.float32]]


def build(
    rows: IndexRows,
    generation: int,
    space: VectorSpace,
    space_state: Mapping[str, NDArray[np.float32]],
) -> Snapshot:
    """Build both indexes from the rows of the store."""
    vectors = space.apply(space_state, rows.vectors, rows.openings)
    return Snapshot(
        generation, rows.ids, dense.build(vectors), lexical.build(rows.terms), space_state
    )


def save(snapshot: Snapshot, kb: Path) -> None:
    """Write the cache of a generation; it appears by rename, whole."""
    from safetensors.numpy import save_file

    folder = paths.index_cache(kb, snapshot.generation)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    dense.save(snapshot.dense, staging / DENSE)
    lexical.save(snapshot.lexical, staging / LEXICAL)
    save_file({"ids": snapshot.ids}, staging / ROWS)
    manifest = {
        "generation": snapshot.generation,
        "rows": len(snapshot.ids),
        "files": {name: _fingerprint(staging / name) for name in (DENSE, LEXICAL, ROWS)},
    }
    (staging / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)  # left by a writer that ended before publishing
    staging.rename(folder)


def load(
    kb: Path, generation: int, space_state: Mapping[str, NDArray[np.float32]]
) -> Snapshot | None:
    """Open the cache of a generation; None when it is absent or anything in it does not match."""
    from safetensors.numpy import load_file

    folder = paths.index_cache(kb, generation)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["generation"] != generation:
            raise ValueError(f"written for generation {manifest['generation']}")
        for name in (DENSE, LEXICAL, ROWS):
            if _fingerprint(folder / name) != manifest["files"][name]:
                raise ValueError(f"{name} does not match its checksum")
        ids = load_file(folder / ROWS)["ids"]
        dense_index = dense.load(folder / DENSE)
        lexical_index = lexical.load(folder / LEXICAL)
        if not len(ids) == lexical_index.size == dense_index.faiss_index.ntotal == manifest["rows"]:
            raise ValueError("the indexes are of different sizes")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        logger.warning("the index cache in %s is not used: %s; rebuilding it", folder, error)
        return None
    return Snapshot(generation, ids, dense_index, lexical_index, space_state)


def drop_others(kb: Path, generation: int) -> None:
    """Delete the caches of all other generations."""
    keep = paths.index_cache(kb, generation)
    for folder in [*kb.glob("index-*"), *kb.glob(".index-*")]:
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(file: Path) -> dict[str, int | str]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"size": file.stat().st_size, "sha256": digest}
