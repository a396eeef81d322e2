"""How the vectors and terms of a knowledge base were made: fixed when it is created."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ragapp.text.terms import TERMS_VERSION

META_KEYS = {"terms_version": "terms"}
"""Fields whose key in the store has another name."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Model, pooling, whitening settings and rules of terms.

    ``query_prefix``, ``passage_prefix`` and ``background_version`` None: the base was written
    before they were recorded. ``created`` tells a base from one made anew under its name.
    """

    embedder: str
    embedder_fingerprint: str
    pooling: str
    dimension: int
    query_prefix: str | None
    passage_prefix: str | None
    whitening: bool
    whitening_exponent: float
    whitening_dimensions: int
    whitening_shared_mean: bool
    chunk_tokens: int
    background_version: int | None
    terms_version: int = TERMS_VERSION
    created: str = field(default_factory=lambda: str(time.time_ns()))

    def to_meta(self) -> dict[str, str]:
        """Return the recipe as the store keeps it: keys and values as text."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            META_KEYS.get(name, name): ("yes" if value else "no")
            if isinstance(value, bool)
            else str(value)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, str]) -> Recipe:
        """Read what ``to_meta`` wrote.

        Raises:
            KeyError, ValueError: a value is missing or of another kind.
        """
        background = meta.get("background_version")
        return cls(
            embedder=meta["embedder"],
            embedder_fingerprint=meta["embedder_fingerprint"],
            pooling=meta["pooling"],
            dimension=int(meta["dimension"]),
            query_prefix=meta.get("query_prefix"),
            passage_prefix=meta.get("passage_prefix"),
            whitening=meta["whitening"] == "yes",
            whitening_exponent=float(meta["whitening_exponent"]),
            whitening_dimensions=int(meta["whitening_dimensions"]),
            whitening_shared_mean=meta["whitening_shared_mean"] == "yes",
            chunk_tokens=int(meta["chunk_tokens"]),
            background_version=None if background is None else int(background),
            terms_version=int(meta["terms"]),
            created=meta["created"],
        )

    def differences(self, now: Recipe) -> list[str]:
        """Name the fields in which vectors or terms made by ``now`` would not fit the base's.

        Fields that the base does not record are not compared; nor is the background, which only
        the next fit of the whitening reads.
        """
        compared = ("embedder_fingerprint", "dimension", "query_prefix", "passage_prefix",
                    "terms_version")  # fmt: skip
        return [
            name
            for name in compared
            if getattr(self, name) is not None and getattr(self, name) != getattr(now, name)
        ]
