"""The password as the server keeps it: salted, hashed slowly, compared in constant time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}
"""RFC 7914; 32 MiB and about a tenth of a second for one guess."""
AT_ONCE = 2
"""Hashes at the same time: guesses must not take the machine's memory and processors."""


class Password:
    """Checks guesses off the event loop."""

    def __init__(self, password: str) -> None:
        self._salt = secrets.token_bytes(16)
        self._hash = self._hashed(password)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def matches(self, guess: str) -> bool:
        """Say whether a guess is the password."""
        async with self._turns:
            hashed = await asyncio.to_thread(self._hashed, guess)
        return hmac.compare_digest(hashed, self._hash)

    def _hashed(self, password: str) -> bytes:
        # Hashed first: scrypt by itself takes a password for the same with zero bytes after it.
        digest = hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
        return hashlib.scrypt(digest, salt=self._salt, **COST)
