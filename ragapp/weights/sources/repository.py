"""The client of both hubs: list a repository's files, hold them to their hashes, fetch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ragapp.errors import DownloadFailed
from ragapp.types import CancelCheck, ProgressSink
from ragapp.weights.disk import require_room
from ragapp.weights.download import Download, download, host, open_client, refused, unreachable
from ragapp.weights.registry import FileFormat, RepositorySource, SourceKind
from ragapp.weights.sources.choose import RemoteFile, check_declared, choose_files
from ragapp.weights.sources.hub import HuggingFace
from ragapp.weights.sources.modelscope import ModelScope
from ragapp.weights.verify import DigestKind

if TYPE_CHECKING:
    import httpx


# What sets one hub apart from another: where it is asked, and how its list is read.
Hub: TypeAlias = HuggingFace | ModelScope
PROTOCOLS: dict[SourceKind, Hub] = {
    SourceKind.HUB: HuggingFace(),
    SourceKind.MODELSCOPE: ModelScope(),
}


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A verified file on this machine; ``sha256`` where that is the hash it was held to."""

    place: Path
    sha256: str | None


def fetch_from_repository(
    source: RepositorySource, downloads: Path, progress: ProgressSink, cancel: CancelCheck
) -> dict[str, FetchedFile]:
    """Fetch the files that the model needs. Returns path in the repository → fetched file.

    Raises:
        DownloadFailed, HashMismatch, DiskFull, Cancelled: see ``download``.
        ModelError: the repository holds no weights that can be read safely.
    """
    hub = PROTOCOLS[source.kind]
    with open_client(hub.headers()) as client:
        listed = _list_files(client, hub, source)
        only = source.hashes if source.format is FileFormat.GGUF else {}
        chosen = [
            check_declared(source.repository, file, source.hashes.get(file.path))
            for file in choose_files(source.repository, listed, only)
        ]
        return _fetch_files(client, chosen, downloads, progress, cancel)


def _list_files(client: httpx.Client, hub: Hub, source: RepositorySource) -> list[RemoteFile]:
    """Ask for the repository's files, page by page."""
    import httpx

    url: str | None = hub.list_url(source)
    files: list[RemoteFile] = []
    while url:
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            raise unreachable(url, source.repository, error) from error
        if answer.status_code != httpx.codes.OK:
            raise refused(url, source.repository, answer.status_code)
        try:
            files += hub.read_list(answer.json(), source)
        except (ValueError, KeyError, TypeError) as error:
            raise DownloadFailed(
                "file_list_garbled",
                repository=source.repository,
                host=host(url),
                hub=hub.name,
                variable=hub.variable,
            ) from error
        url = answer.links.get("next", {}).get("url")
    return files


def _fetch_files(
    client: httpx.Client,
    files: Sequence[RemoteFile],
    downloads: Path,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> dict[str, FetchedFile]:
    """Fetch files into ``downloads``, each named by its hash. Returns path → fetched file.

    Raises:
        DownloadFailed, HashMismatch, DiskFull, Cancelled: see ``download``.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    places = {file.path: downloads / _name_on_disk(file) for file in files}
    missing = [file for file in files if not places[file.path].exists()]
    on_disk = sum(part.stat().st_size for part in downloads.glob("*.part"))
    require_room(
        downloads, max(0, sum(file.size or 0 for file in missing) - on_disk), "the download"
    )
    for file in missing:
        wanted = Download(file.url, file.path, file.digest, file.size)
        download(client, wanted, places[file.path], progress, cancel)
    return {file.path: FetchedFile(places[file.path], _sha256(file)) for file in files}


def _sha256(file: RemoteFile) -> str | None:
    if file.digest and file.digest.kind is DigestKind.SHA256:
        return file.digest.value
    return None


def _name_on_disk(file: RemoteFile) -> str:
    """Name a download by its hash, so that another revision never takes it for its own."""
    key = file.digest.value[:16] if file.digest else "unverified"
    return f"{key}-{file.path.replace('/', '--')}"
