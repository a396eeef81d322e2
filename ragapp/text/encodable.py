"""Strings that are no text: what stands for undecodable bytes, in file names and arguments.

Python puts lone surrogates for them, which no tokenizer, database or page takes.
"""

from __future__ import annotations


def is_text(value: str) -> bool:
    """Say whether a string can be encoded."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def as_text(value: str) -> str:
    """Return a string with question marks in place of what is no text."""
    return value.encode("utf-8", "replace").decode("utf-8")
