"""Who sent a request, through a reverse proxy or directly.

Forwarding headers are believed from proxies that the settings name, and from nobody else: a
person could otherwise claim any address, and the limit on guessing passwords would count nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragapp.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Sender:
    """The address of the person, and how they reached the outermost server."""

    address: str
    scheme: str
    host: str


def parse_proxies(setting: str) -> tuple[Network, ...]:
    """Read the addresses or networks of proxies, separated by commas.

    Raises:
        SettingsError: one of them is neither.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in setting.split(",") if part)
    except ValueError as error:
        raise SettingsError("proxies_unreadable", setting=repr(setting), reason=error) from error


def sender(
    peer: str, scheme: str, headers: Mapping[str, str], proxies: Sequence[Network]
) -> Sender:
    """Return who sent a request that came from the address ``peer``.

    The last address in X-Forwarded-For that is no proxy of ours is the person's: what stands
    before it was written by the person.
    """
    host = headers.get("host", "")
    if not _among(peer, proxies):
        return Sender(peer, scheme, host)
    chain = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")]
    address = next((hop for hop in reversed(chain) if hop and not _among(hop, proxies)), peer)
    forwarded_scheme = headers.get("x-forwarded-proto", scheme)
    return Sender(
        address,
        forwarded_scheme if forwarded_scheme in ("http", "https") else scheme,
        headers.get("x-forwarded-host", host),
    )


def network_of(address: str) -> str:
    """Return what attempts are counted by: an IPv4 address, or the /64 of an IPv6 one.

    A household or a machine has 2^64 addresses of IPv6 to send from.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _among(address: str, proxies: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies)
