"""The note beside a model that has landed: what it is, where it came from, every file's SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ragapp.weights.verify import file_digest

MANIFEST_FILE = "ragapp-model.json"
WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``files``: path inside the folder, with slashes → its record."""

    name: str
    licence: str
    source: str
    files: dict[str, FileRecord]


def write_manifest(
    folder: Path, name: str, licence: str, source: str, known: Mapping[str, str]
) -> None:
    """Record every file of ``folder``; ``known``: SHA-256 values already computed."""
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        path = file.relative_to(folder).as_posix()
        files[path] = FileRecord(file.stat().st_size, known.get(path) or file_digest(file))
    manifest = Manifest(name, licence, source, files)
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """Read the note; None where there is none or it is damaged."""
    try:
        raw = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        files = {path: FileRecord(**record) for path, record in raw.pop("files").items()}
        return Manifest(**raw, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def weights_fingerprint(folder: Path) -> str:
    """Return a SHA-256 over the hashes of a model's weight files: the identity of its vectors."""
    manifest = read_manifest(folder)
    if manifest is not None:
        hashes = [r.sha256 for path, r in sorted(manifest.files.items()) if path.endswith(WEIGHTS)]
    else:
        hashes = [file_digest(f) for f in sorted(folder.iterdir()) if f.name.endswith(WEIGHTS)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files that are missing or not as they were when the model landed."""
    damaged = []
    for path, record in manifest.files.items():
        file = folder / path
        if (
            not file.is_file()
            or file.stat().st_size != record.size
            or file_digest(file) != record.sha256
        ):
            damaged.append(path)
    return damaged
