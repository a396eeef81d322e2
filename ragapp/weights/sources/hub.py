"""Hugging Face and every mirror that speaks its protocol (``HF_ENDPOINT``, ``HF_TOKEN``)."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from ragapp.weights.registry import RepositorySource
from ragapp.weights.sources.choose import Json, RemoteFile
from ragapp.weights.verify import Digest, DigestKind

DEFAULT_ENDPOINT = "https://huggingface.co"


class HuggingFace:
    """The protocol: a list in pages, and every file with a hash of one kind or the other."""

    variable = "HF_ENDPOINT"
    name = "Hugging Face"

    def endpoint(self) -> str:
        """Return the hub's address: ``HF_ENDPOINT``, or the original."""
        return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")

    def headers(self) -> dict[str, str]:
        """Return the person's token, which opens gated models."""
        token = os.environ.get("HF_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def model_url(self, repository: str) -> str:
        """Return the address that tells of a model."""
        return f"{self.endpoint()}/api/models/{quote(repository)}"

    def list_url(self, source: RepositorySource) -> str:
        """Return the address of the list of files."""
        revision = quote(source.revision, safe="")
        return f"{self.model_url(source.repository)}/tree/{revision}?recursive=true"

    def read_list(self, content: Json, source: RepositorySource) -> list[RemoteFile]:
        """Read one page of the list.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        revision = quote(source.revision, safe="")
        folder = f"{self.endpoint()}/{quote(source.repository)}/resolve/{revision}"
        return [
            RemoteFile(
                path=entry["path"],
                url=f"{folder}/{quote(entry['path'])}",
                size=entry["size"],
                digest=_declared_digest(entry),
            )
            for entry in content
            if entry["type"] == "file"
        ]


def _declared_digest(entry: dict[str, Any]) -> Digest:
    """Large files declare a SHA-256, small ones their git blob hash."""
    if entry.get("lfs"):
        return Digest.sha256(entry["lfs"]["oid"])
    return Digest(DigestKind.GIT_BLOB, entry["oid"])
