"""ModelScope, the hub that answers best inside China (``MODELSCOPE_DOMAIN``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ragapp.errors import DownloadFailed
from ragapp.types import CancelCheck, ProgressSink
from ragapp.weights.download import host, open_client, refused, unreachable
from ragapp.weights.registry import FileFormat, ModelScopeSource
from ragapp.weights.sources.repository import (
    FetchedFile,
    RemoteFile,
    check_declared,
    choose_files,
    fetch_files,
)
from ragapp.weights.verify import Digest

if TYPE_CHECKING:
    import httpx

DEFAULT_DOMAIN = "https://www.modelscope.cn"


def endpoint() -> str:
    """Return ModelScope's address: ``MODELSCOPE_DOMAIN``, also without scheme, or the original."""
    domain = (os.environ.get("MODELSCOPE_DOMAIN") or DEFAULT_DOMAIN).rstrip("/")
    return domain if "://" in domain else f"https://{domain}"


def fetch_from_modelscope(
    source: ModelScopeSource, downloads: Path, progress: ProgressSink, cancel: CancelCheck
) -> dict[str, FetchedFile]:
    """Fetch the files that the model needs. Returns path in the repository → fetched file.

    Raises:
        DownloadFailed, HashMismatch, DiskFull, Cancelled: see ``download``.
        ModelError: the repository holds no weights that can be read safely.
    """
    with open_client() as client:
        listed = _list_files(client, source)
        only = source.hashes if source.format is FileFormat.GGUF else {}
        chosen = [
            check_declared(source.repository, file, source.hashes.get(file.path))
            for file in choose_files(source.repository, listed, only)
        ]
        return fetch_files(client, chosen, downloads, progress, cancel)


def _list_files(client: httpx.Client, source: ModelScopeSource) -> list[RemoteFile]:
    """Ask ModelScope for the repository's files; it declares a SHA-256 for every one."""
    import httpx

    repository = f"{endpoint()}/api/v1/models/{quote(source.repository)}/repo"
    url = f"{repository}/files?{urlencode({'Revision': source.revision, 'Recursive': 'true'})}"
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        raise unreachable(url, source.repository, error) from error
    if answer.status_code != httpx.codes.OK:
        raise refused(url, source.repository, answer.status_code)
    try:
        entries = [entry for entry in answer.json()["Data"]["Files"] if entry["Type"] == "blob"]
        return [
            RemoteFile(
                path=entry["Path"],
                url=f"{repository}?"
                + urlencode({"Revision": source.revision, "FilePath": entry["Path"]}),
                size=entry["Size"],
                digest=Digest.sha256(entry["Sha256"]) if entry.get("Sha256") else None,
            )
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadFailed(
            f"{source.repository} from {host(url)}",
            "the list of files is not in ModelScope's form",
            "Check MODELSCOPE_DOMAIN, or the sign-in page of the network.",
        ) from error
