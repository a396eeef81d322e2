"""Commands in a terminal."""

from ragapp.cli.main import main

__all__ = ["main"]
