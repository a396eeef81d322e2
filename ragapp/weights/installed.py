"""The models on this machine: which are here, where they lie, and which answers best."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ragapp import paths
from ragapp.errors import ModelError, ModelMissing
from ragapp.machine import Hardware
from ragapp.weights import registry
from ragapp.weights.convert.chatglm import is_original_chatglm
from ragapp.weights.manifest import Manifest, read_manifest
from ragapp.weights.registry import ModelEntry, ModelKind, SourceKind
from ragapp.weights.verify import file_digest

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CONFIG = "config.json"  # every model folder has one
# Weights in bfloat16 plus room for an 8k-token cache and activations, in GB.
GPU_MODELS = ((20.0, "Qwen2.5-7B-Instruct"), (6.0, "Qwen2.5-1.5B-Instruct"))


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that has landed. ``entry`` and ``manifest`` are None where there is none."""

    name: str
    folder: Path
    size: int
    entry: ModelEntry | None
    manifest: Manifest | None


def resolve(name: str, models: Path) -> Path:
    """Return the folder of a model: a registry name, a hub id, a local folder or GGUF file.

    What had to be converted, a GGUF file or a ChatGLM checkpoint, lies in ``models`` as well.

    Raises:
        ModelMissing: it is known, but not on this machine; the error has the command to fetch it.
        UnknownModel: the name means nothing.
        ModelError: the local folder holds no model.
    """
    if local := local_folder(name):
        return local
    folder = landed(folder_name(name, models), models)
    if folder is None:
        raise ModelMissing("model_not_here", name=name, models=models)
    return folder


def installed(models: Path) -> list[str]:
    """List the names of the models on this machine."""
    return [model.name for model in landed_models(models)]


def landed_models(models: Path) -> list[InstalledModel]:
    """List the models on this machine with what is known of them."""
    if not models.is_dir():
        return []
    found = []
    for folder in sorted(models.iterdir()):
        if folder.name.startswith(".") or not (folder / CONFIG).is_file():
            continue
        manifest = read_manifest(folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        name = manifest.name if manifest else folder.name
        found.append(InstalledModel(name, folder, size, registry.find(name), manifest))
    return found


def default_chat_model(models: Path, hardware: Hardware | None = None) -> str:
    """Return the best chat model of the registry that is on this machine.

    The one recommended for ``hardware`` comes first, then the default order, then the others from
    small to large; a model that may only quote comes last.

    Raises:
        ModelMissing: there is none.
    """
    here = {model.entry.name for model in landed_models(models) if model.entry}
    recommended = recommended_chat_model(hardware) if hardware else ""
    order = [recommended, *registry.DEFAULT_CHAT_MODELS]

    def rank(entry: ModelEntry) -> tuple[bool, int, int]:
        place = order.index(entry.name) if entry.name in order else len(order)
        return entry.quotes_only, place, entry.parameters

    chat = [e for e in registry.entries() if e.kind is ModelKind.CHAT and e.name in here]
    if not chat:
        raise ModelMissing("no_chat_model_here", models=models)
    return min(chat, key=rank).name


def local_folder(name: str) -> Path | None:
    """Return the folder that ``name`` is the path of, used in place.

    None: it is no folder's path, or the folder holds an original that has to be converted.

    Raises:
        ModelError: the folder holds no model.
    """
    local = Path(name).expanduser()
    if registry.find(name) or not local.is_dir() or is_original_chatglm(local / CONFIG):
        return None
    if not (local / CONFIG).is_file():
        raise ModelError("folder_holds_no_model", folder=local, file=CONFIG)
    return local


def local_original(name: str) -> Path | None:
    """Return what ``name`` is the path of and has to be converted, or None.

    That is a GGUF file, or the folder of a checkpoint in ChatGLM's own layout.
    """
    local = Path(name).expanduser()
    if local.is_dir() and not registry.find(name):
        return local if is_original_chatglm(local / CONFIG) else None
    return local if local.suffix.lower() == ".gguf" and local.is_file() else None


def folder_name(name: str, models: Path) -> str:
    """Return the name of the folder in which a model lands.

    Raises:
        UnknownModel: the name means nothing.
    """
    if entry := registry.find(name):
        return entry.name
    if original := local_original(name):
        return _converted_folder_name(original, models)
    if HUB_ID.fullmatch(name) and not name.startswith("."):
        return name.replace("/", "--")
    raise registry.unknown_model(name)


def landed(name: str, models: Path) -> Path | None:
    """Return the folder called ``name`` if a model has landed there."""
    folder = paths.model(models, name)
    return folder if (folder / CONFIG).is_file() else None


def describe_original(original: Path) -> str:
    """Write down which local file or folder a model was converted from; another one differs."""
    files = original.glob("[!.]*") if original.is_dir() else [original]
    stats = [file.stat() for file in files if file.is_file()]
    size, changed = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
    return f"{SourceKind.FILE}: {original.absolute()}, {size} bytes, {changed}"


def _converted_folder_name(original: Path, models: Path) -> str:
    """Name what is converted from a file by its hash, which is computed once while it is unchanged.

    From a folder, of many gigabytes as a rule, by the hash of its description.
    """
    description = describe_original(original)
    if original.is_dir():
        digest = hashlib.sha256(description.encode()).hexdigest()
        return f"{original.resolve().name}-{digest[:12]}"
    for model in landed_models(models):
        if model.manifest and model.manifest.source == description:
            return model.folder.name
    return f"{original.stem}-{file_digest(original)[:12]}"


def recommended_chat_model(hardware: Hardware) -> str:
    """Return the name of the chat model that suits the machine."""
    for memory, name in GPU_MODELS:
        if hardware.gpu_memory_gb >= memory:
            return name
    return registry.DEFAULT_CHAT_MODELS[0]
