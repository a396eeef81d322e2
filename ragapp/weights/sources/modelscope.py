"""ModelScope, the hub that answers best inside China (``MODELSCOPE_DOMAIN``)."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

from ragapp.weights.registry import RepositorySource
from ragapp.weights.sources.choose import Json, RemoteFile
from ragapp.weights.verify import Digest

DEFAULT_DOMAIN = "https://www.modelscope.cn"


class ModelScope:
    """The protocol: one list, with a SHA-256 for every file."""

    variable = "MODELSCOPE_DOMAIN"
    name = "ModelScope"

    def endpoint(self) -> str:
        """Return the address: ``MODELSCOPE_DOMAIN``, also without scheme, or the original."""
        domain = (os.environ.get("MODELSCOPE_DOMAIN") or DEFAULT_DOMAIN).rstrip("/")
        return domain if "://" in domain else f"https://{domain}"

    def headers(self) -> dict[str, str]:
        """Return nothing: the models are open to everybody."""
        return {}

    def model_url(self, repository: str) -> str:
        """Return the address that tells of a model."""
        return f"{self.endpoint()}/api/v1/models/{quote(repository)}"

    def list_url(self, source: RepositorySource) -> str:
        """Return the address of the list of files."""
        query = urlencode({"Revision": source.revision, "Recursive": "true"})
        return f"{self.model_url(source.repository)}/repo/files?{query}"

    def read_list(self, content: Json, source: RepositorySource) -> list[RemoteFile]:
        """Read the list.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        folder = f"{self.model_url(source.repository)}/repo"
        return [
            RemoteFile(
                path=entry["Path"],
                url=f"{folder}?"
                + urlencode({"Revision": source.revision, "FilePath": entry["Path"]}),
                size=entry["Size"],
                digest=Digest.sha256(entry["Sha256"]) if entry.get("Sha256") else None,
            )
            for entry in content["Data"]["Files"]
            if entry["Type"] == "blob"
        ]
