"""Who asks. Until there are accounts, everybody on this machine is one person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who opens knowledge bases; ``name`` is unique."""

    name: str


LOCAL = Person("local")
"""The person at this machine, who may do everything."""
