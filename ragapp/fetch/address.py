"""Where a URL leads: to the open internet, or into a network that its author should not reach.

A name is looked up once, and the connection goes to the address that was checked: a second look-up
could give another one (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ragapp.errors import FetchFailed

PORTS = {"http": 80, "https": 443}
# Addresses that stand for one of the old kind, which is the one that counts.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL with the address its host name stands for."""

    url: str
    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def authority(self) -> str:
        """The host as it stands in a request, with its port where that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def direct_url(self) -> str:
        """The URL with the checked address in place of the name."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def resolve(url: str, *, allow_private: bool = False) -> Target:
    """Find out where a URL leads.

    Raises:
        FetchFailed: it is none, its host is not known, or lies in a private network.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode() if parts.hostname else ""
    except (ValueError, UnicodeError):
        raise FetchFailed("fetch_not_a_url", url=url) from None
    if parts.scheme not in PORTS or not host or parts.username is not None:
        raise FetchFailed("fetch_not_a_url", url=url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed("fetch_unknown_host", url=url, host=host, reason=str(error)) from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise FetchFailed("fetch_private_address", url=url, host=host, address=addresses[0])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.scheme, host, port, addresses[0], path)


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the open internet."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if parsed.teredo is not None:
            return False
    return parsed.is_global and not parsed.is_multicast
