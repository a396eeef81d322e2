"""The one place that knows where things lie on disk."""

from __future__ import annotations

import re
from pathlib import Path

from ragapp.errors import UsageError

KNOWLEDGE_BASE_NAME = re.compile(r"[\w][\w .-]{0,63}")


def knowledge_bases(home: Path) -> Path:
    """Return the folder with one folder for each knowledge base."""
    return home / "kb"


def knowledge_base(home: Path, name: str) -> Path:
    """Return the folder of the knowledge base ``name``.

    Raises:
        UsageError: the name cannot be a folder's name.
    """
    if not KNOWLEDGE_BASE_NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise UsageError("base_name_unusable", name=repr(name))
    return knowledge_bases(home) / name


def store_file(kb: Path) -> Path:
    """Return the SQLite file, the truth of a knowledge base."""
    return kb / "store.sqlite"


def writer_lock(kb: Path) -> Path:
    """Return the lock file that one writer holds."""
    return kb / "writer.lock"


def index_folder(kb: Path) -> Path:
    """Return the folder of FAISS and BM25 files; it can be made anew from the store."""
    return kb / "index"


def uploads(kb: Path) -> Path:
    """Return the folder that keeps files dropped into the browser page."""
    return kb / "files"


def incoming(home: Path) -> Path:
    """Return the folder of files that a browser has sent and nobody has used yet."""
    return home / ".incoming"


def waiting(home: Path, kb: str | None = None) -> Path:
    """Return the folder of uploads that wait to be read, of all knowledge bases or of one."""
    return home / ".waiting" / kb if kb else home / ".waiting"


def fetched(home: Path, kb: str) -> Path:
    """Return the folder of pages fetched from the web for a knowledge base."""
    return home / "fetched" / kb


def model(models: Path, name: str) -> Path:
    """Return the folder of a model that has landed."""
    return models / name


def model_staging(models: Path, name: str) -> Path:
    """Return the folder in which a model is made ready before it lands by rename."""
    return models / ".staging" / name


def downloads(models: Path) -> Path:
    """Return the folder of unfinished downloads, kept so that they resume."""
    return models / ".downloads"


def background_statistics(models: Path, fingerprint: str, pooling: str) -> Path:
    """Return the file of background means and covariances for certain weights and one pooling."""
    return models / ".background" / f"{fingerprint[:16]}.{pooling}.safetensors"


def openvino_model(models: Path, identity: str) -> Path:
    """Return the folder of a model exported for OpenVINO, made anew when it is missing."""
    return models / ".openvino" / identity


def hardware_probe(models: Path) -> Path:
    """Return the file that remembers what this processor is quick at."""
    return models / ".hardware.json"


def engine_probe(models: Path) -> Path:
    """Return the file that remembers which engine is faster on this processor."""
    return models / ".engines.json"
