"""Export a chat model for OpenVINO, once: safetensors in, a graph with small weights out."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp import paths
from ragapp.errors import DiskFull, ModelError, SettingsError
from ragapp.llm.openvino.graph import WeightFormat, build_graph, unsupported
from ragapp.untyped import Configuration

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

GRAPH = "openvino_model.xml"
EXPORT_VERSION = 1
"""Raised when the graph changes, so that older exports are made anew."""


def exported(
    folder: Path, models: Path, name: str, weight_format: WeightFormat = WeightFormat.INT8
) -> Path:
    """Return the folder of a model's export, making it first when there is none.

    Raises:
        SettingsError: the architecture cannot be exported.
        ModelError: a weight file is damaged.
        DiskFull: there is no room for it.
    """
    target = paths.openvino_model(models, _identity(folder, weight_format))
    if (target / GRAPH).is_file():
        return target
    with _staging(target) as staging:
        _export(folder, staging, name, weight_format)
        try:
            staging.rename(target)
        except OSError:
            if not (target / GRAPH).is_file():  # else another process was quicker
                raise
    return target


def cannot_export(folder: Path, name: str) -> SettingsError | None:
    """Return why a model cannot be exported, None when it can; name: the model's, for the error."""
    try:
        refusal = unsupported(_config(folder), name)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return SettingsError("openvino_config_unreadable", name=name, reason=str(error))
    if refusal is None and not list(folder.glob("*.safetensors")):
        return SettingsError("openvino_no_safetensors", name=name)
    return refusal


def _export(folder: Path, target: Path, name: str, weight_format: WeightFormat) -> None:
    import openvino
    from safetensors import SafetensorError

    config = _config(folder)
    if refusal := unsupported(config, name):
        raise refusal
    logger.info("exporting %s for OpenVINO as %s", name, weight_format)
    try:
        with _open_weights(folder) as (weight, names):
            graph = build_graph(config, weight, names, weight_format)
    except (SafetensorError, KeyError) as error:
        raise ModelError(
            "openvino_weights_damaged", name=name, folder=folder, reason=str(error)
        ) from error
    try:
        openvino.save_model(graph, target / GRAPH, compress_to_fp16=False)
        shutil.copyfile(folder / "config.json", target / "config.json")
    except (OSError, RuntimeError) as error:
        raise DiskFull(
            "openvino_no_room", name=name, folder=target.parent, reason=str(error)
        ) from error


def _config(folder: Path) -> Configuration:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder)


@contextmanager
def _open_weights(folder: Path) -> Iterator[tuple[Any, list[str]]]:
    """Open all safetensors files of a folder as one: a reader by name, and the names."""
    from safetensors import safe_open

    with ExitStack() as stack:
        where: dict[str, Any] = {}
        for file in sorted(folder.glob("*.safetensors")):
            opened = stack.enter_context(safe_open(file, framework="pt"))
            where |= dict.fromkeys(opened.keys(), opened)

        def weight(tensor: str) -> torch.Tensor:
            read: torch.Tensor = where[tensor].get_tensor(tensor)
            return read

        yield weight, list(where)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target that is gone afterwards unless it was renamed."""
    staging = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _identity(folder: Path, weight_format: WeightFormat) -> str:
    """Name an export by the weight files it came from, and by how it was made."""
    files = [(file.name, file.stat()) for file in sorted(folder.glob("*.safetensors"))]
    seen = [f"{folder.resolve()}", *(f"{n} {s.st_size} {s.st_mtime_ns}" for n, s in files)]
    digest = hashlib.sha256("\n".join(seen).encode()).hexdigest()[:12]
    return f"{folder.name}-{digest}-{weight_format}-v{EXPORT_VERSION}"
