"""What a generation consists of: its segments, which of their rows are dead, and all checksums.

The manifest appears by rename when everything it names is on the disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragapp.index.backend import IndexDamaged
from ragapp.index.local.files import Checksum, read_checked, sync_folder, synced
from ragapp.text.terms import TERMS_VERSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEAD = ".dead"


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment of a generation. first, last: its lowest and highest chunk id.

    dead: how many rows no longer count; dead_file: a bit for each row, empty without any.
    """

    name: str
    rows: int
    first: int
    last: int
    files: Mapping[str, Checksum]
    dead: int = 0
    dead_file: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A generation in a vector space; segments in the order of their ids, which do not overlap."""

    generation: int
    space: int
    segments: tuple[Entry, ...] = ()


def file_of(folder: Path, generation: int) -> Path:
    """Return where the manifest of a generation lies."""
    return folder / f"generation-{generation:08d}.json"


def write(manifest: Manifest, folder: Path) -> None:
    """Write a manifest, whole, in place of any earlier one of the same generation."""
    body = dataclasses.asdict(manifest)
    body |= {"terms": TERMS_VERSION}
    text = json.dumps({**body, "sha256": _digest(body)})
    file = file_of(folder, manifest.generation)
    staging = file.with_suffix(f".{secrets.token_hex(4)}.partial")
    with synced(staging) as written:
        written.write(text.encode())
    staging.replace(file)
    sync_folder(folder)


def read(folder: Path, generation: int) -> Manifest:
    """Read the manifest of a generation.

    Raises:
        IndexDamaged: it is not what was written.
        OSError: it cannot be read, or is not there.
    """
    file = file_of(folder, generation)
    try:
        body = json.loads(file.read_bytes())
        if body.pop("sha256") != _digest(body):
            raise IndexDamaged(f"{file.name} does not match its checksum")
        if body.get("terms") != TERMS_VERSION:
            raise IndexDamaged(f"{file.name} is of terms cut by other rules")
        segments = [_entry(entry) for entry in body["segments"]]
        manifest = Manifest(body["generation"], body["space"], tuple(segments))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file.name} cannot be read: {error}") from error
    if manifest.generation != generation:
        raise IndexDamaged(f"{file.name} was written for generation {manifest.generation}")
    return manifest


def save_dead(dead: NDArray[np.bool_], entry: Entry, folder: Path) -> Entry:
    """Write which rows of a segment are dead. Returns its entry with that."""
    name = f"{entry.name}.{secrets.token_hex(4)}{DEAD}"
    with synced(folder / name) as file:
        file.write(np.packbits(dead).tobytes())
    files = {k: v for k, v in entry.files.items() if k != entry.dead_file}
    files[name] = file.checksum()
    return dataclasses.replace(entry, files=files, dead=int(dead.sum()), dead_file=name)


def load_dead(entry: Entry, folder: Path) -> NDArray[np.bool_] | None:
    """Read which rows of a segment are dead, None: none is.

    Raises:
        IndexDamaged: the file is not what was written.
        OSError: it cannot be read, or is not there.
    """
    if not entry.dead_file:
        return None
    data = read_checked(folder / entry.dead_file, entry.files[entry.dead_file])
    bits = np.frombuffer(data, np.uint8)
    dead: NDArray[np.bool_] = np.unpackbits(bits, count=entry.rows).astype(np.bool_)
    return dead


def _entry(values: dict[str, object]) -> Entry:
    files = {name: Checksum(**of) for name, of in values.pop("files").items()}  # type: ignore[attr-defined]
    return Entry(files=files, **values)  # type: ignore[arg-type]


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
