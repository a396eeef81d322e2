"""Where each tensor of a safetensors checkpoint lies on disk; damage shows before weights load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragapp.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
LONGEST_HEADER = 100_000_000  # bytes; the safetensors library refuses more as well


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """``dtype`` as safetensors spells it (``BF16``); ``offset`` in bytes from the file's start."""

    file: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]


def tensor_places(folder: Path, name: str) -> dict[str, TensorPlace]:
    """Read the headers of all safetensors files of a model: tensor name → place.

    Empty where the weights are in another format. name: the model's, for errors.

    Raises:
        ModelError: a file is missing, damaged or cut short; it is named.
    """
    places: dict[str, TensorPlace] = {}
    for file in _files(folder, name):
        places.update(_read_header(file, name))
    return places


def _read_header(file: Path, name: str) -> dict[str, TensorPlace]:
    """Read what a safetensors file says of its tensors, and check it against the file's size."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(LONGEST_HEADER, size - 8):
                raise ModelError("weights_no_safetensors", name=name, file=file)
            header: dict[str, Any] = json.loads(stream.read(length))
    except (OSError, ValueError) as error:
        raise ModelError(
            "weights_file_unreadable", name=name, file=file, reason=str(error)
        ) from error
    start = 8 + length
    try:
        header.pop("__metadata__", None)
        places = {
            key: TensorPlace(file, start + entry["data_offsets"][0], entry["dtype"],
                             tuple(entry["shape"]))
            for key, entry in header.items()
        }  # fmt: skip
        end = max((start + entry["data_offsets"][1] for entry in header.values()), default=start)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ModelError("weights_header_damaged", name=name, file=file) from error
    if end != size:
        raise ModelError("weights_wrong_size", name=name, file=file, size=size, promised=end)
    return places


def _files(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files as transformers looks for them: one file, else those of the index."""
    index = folder / INDEX_FILE
    if (folder / WEIGHTS_FILE).is_file():
        yield folder / WEIGHTS_FILE
    elif index.is_file():
        try:
            shards = sorted(
                set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "weights_index_damaged", name=name, file=index, reason=str(error)
            ) from error
        for shard in shards:
            if not (folder / shard).is_file():
                raise ModelError("weights_file_missing", name=name, file=folder / shard)
            yield folder / shard
