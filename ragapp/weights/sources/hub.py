"""Hugging Face and every mirror that speaks its protocol (``HF_ENDPOINT``, ``HF_TOKEN``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ragapp.errors import DownloadFailed
from ragapp.types import CancelCheck, ProgressSink
from ragapp.weights.download import host, open_client, refused, unreachable
from ragapp.weights.registry import FileFormat, HubSource
from ragapp.weights.sources.repository import (
    FetchedFile,
    RemoteFile,
    check_declared,
    choose_files,
    fetch_files,
)
from ragapp.weights.verify import Digest, DigestKind

if TYPE_CHECKING:
    import httpx

DEFAULT_ENDPOINT = "https://huggingface.co"


def endpoint() -> str:
    """Return the hub's address: ``HF_ENDPOINT``, or the original."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def fetch_from_hub(
    source: HubSource, downloads: Path, progress: ProgressSink, cancel: CancelCheck
) -> dict[str, FetchedFile]:
    """Fetch the files that the model needs. Returns path in the repository → fetched file.

    Raises:
        DownloadFailed, HashMismatch, DiskFull, Cancelled: see ``download``.
        ModelError: the repository holds no weights that can be read safely.
    """
    token = os.environ.get("HF_TOKEN")
    with open_client({"Authorization": f"Bearer {token}"} if token else {}) as client:
        listed = _list_files(client, source)
        only = source.hashes if source.format is FileFormat.GGUF else {}
        chosen = [
            check_declared(source.repository, file, source.hashes.get(file.path))
            for file in choose_files(source.repository, listed, only)
        ]
        return fetch_files(client, chosen, downloads, progress, cancel)


def _list_files(client: httpx.Client, source: HubSource) -> list[RemoteFile]:
    """Ask the hub for the repository's files, page by page."""
    import httpx

    base = endpoint()
    where = f"{quote(source.repository)}/resolve/{quote(source.revision, safe='')}"
    url: str | None = (
        f"{base}/api/models/{quote(source.repository)}/tree/{quote(source.revision, safe='')}"
        "?recursive=true"
    )
    files = []
    while url:
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            raise unreachable(url, source.repository, error) from error
        if answer.status_code != httpx.codes.OK:
            raise refused(url, source.repository, answer.status_code)
        try:
            entries = [entry for entry in answer.json() if entry["type"] == "file"]
            files += [
                RemoteFile(
                    path=entry["path"],
                    url=f"{base}/{where}/{quote(entry['path'])}",
                    size=entry["size"],
                    digest=_declared_digest(entry),
                )
                for entry in entries
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise DownloadFailed(
                f"{source.repository} from {host(url)}",
                "the list of files is not in the form of the Hugging Face protocol",
                "Check HF_ENDPOINT, or the sign-in page of the network.",
            ) from error
        url = answer.links.get("next", {}).get("url")
    return files


def _declared_digest(entry: dict[str, Any]) -> Digest:
    """Large files declare a SHA-256, small ones their git blob hash."""
    if entry.get("lfs"):
        return Digest.sha256(entry["lfs"]["oid"])
    return Digest(DigestKind.GIT_BLOB, entry["oid"])
