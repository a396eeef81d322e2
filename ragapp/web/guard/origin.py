"""Where a request says it comes from: its host, its origin, and what the browser adds.

Browsers tell the truth about these three; programs can say anything, and need the login anyway.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ragapp.web.guard.routes import Kind, Route

HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?")
FOREIGN = {"cross-site", "same-site"}
"""Values of Sec-Fetch-Site; "none" is an address that a person typed or a bookmark."""
DOCUMENTS = {"document", "iframe", "frame", "embed", "object", "fencedframe"}
"""Values of Sec-Fetch-Dest by which a browser would show the answer as a page."""


def is_loopback(host: str) -> bool:
    """Say whether an address or name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str | None:
    """Return the name in a Host header without its port, None for one that is malformed."""
    found = HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    if found["name"].startswith("["):
        try:
            ipaddress.IPv6Address(found["name"][1:-1])
        except ValueError:
            return None
    return found["name"].lower()


def is_own_origin(origin: str, host: str) -> bool:
    """Say whether an Origin header names the address that was asked; "null" does not."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    bare = not (parts.path or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bare and parts.netloc.lower() == host.lower()


def browser_allows(route: Route, headers: Mapping[str, str], host: str) -> bool:
    """Say whether a browser sends this for a person who uses the page.

    Other sites may lead a person to the page and to the login, and do nothing else. Nothing but
    those two is ever shown as a document, and neither in a frame.
    """
    origin = headers.get("origin")
    if origin is not None and not is_own_origin(origin, host):
        return False
    site = headers.get("sec-fetch-site", "")
    destination = headers.get("sec-fetch-dest", "")
    mode = headers.get("sec-fetch-mode", "")
    shown = route.kind in (Kind.PAGE, Kind.LOGIN, Kind.LOGOUT)
    if site in FOREIGN and not (shown and route.method == "GET" and mode == "navigate"):
        return False
    if shown:
        return destination in ("", "document", "empty") and (
            destination != "empty" or site not in FOREIGN
        )
    return destination not in DOCUMENTS and mode != "navigate"
