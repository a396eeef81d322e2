"""The cookie that holds the token of a session.

Cookies are shared by all ports of a host, so its name holds the port: two servers on one machine
do not log one another's people out, nor see one another's tokens under a name they read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cookie:
    """The cookie of a server on a port; ``secure``: served over TLS."""

    port: int
    secure: bool

    @property
    def name(self) -> str:
        """Return its name; with the prefix browsers take it from this very host alone."""
        return f"{'__Host-' if self.secure else ''}ragapp_{self.port}"

    def token(self, header: str) -> str:
        """Return the token in a Cookie header, "" when there is none or more than one."""
        pairs = (part.strip().partition("=") for part in header.split(";"))
        tokens = [value for name, _, value in pairs if name == self.name]
        return tokens[0] if len(tokens) == 1 else ""

    def with_token(self, token: str) -> str:
        """Return the Set-Cookie header that hands over a token; it goes with the browser."""
        return f"{self.name}={token}; Path=/; HttpOnly; SameSite=Lax{self._secure()}"

    def without_token(self) -> str:
        """Return the Set-Cookie header that takes it back."""
        return f"{self.name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{self._secure()}"

    def _secure(self) -> str:
        return "; Secure" if self.secure else ""
