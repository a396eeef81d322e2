"""Everything that may be asked of the server; what is not listed here does not exist.

Gradio mounts some eighty routes: files by path, proxies, uploads, an API, deep links, monitoring.
The page uses a dozen of them. The list was recorded from a browser that loaded the page, asked,
added and deleted documents and changed the language; `tests/web/guard/test_routes.py` holds it
against all that is mounted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode


class Kind(StrEnum):
    """What a route is for, and so what is asked of a request before it is let through."""

    PAGE = "page"  # a document: the only kind that may be navigated to
    LOGIN = "login"
    LOGOUT = "logout"
    ASSET = "asset"  # scripts and styles, the same for everybody
    EVENT = "event"  # JSON that names the page it comes from and what it wants done
    STATUS = "status"  # whether the server is there, asked after a lost connection
    STREAM = "stream"  # stays open and names its page
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Route:
    """A method and the paths it may be used on; ``query``: the parameters that are passed on."""

    kind: Kind
    method: str
    path: re.Pattern[str]
    query: Mapping[str, re.Pattern[str]]


PAGE_NAME = re.compile(r"[A-Za-z0-9]{1,64}")
"""How Gradio names one load of the page; the browser makes it up."""
_LANGUAGE = re.compile(r"[A-Za-z-]{1,16}")
_FILE = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_API = "/gradio_api"


def _route(kind: Kind, method: str, path: str, **query: re.Pattern[str]) -> Route:
    return Route(kind, method, re.compile(path), query)


ROUTES = (
    _route(Kind.PAGE, "GET", "/", lang=_LANGUAGE),
    _route(Kind.LOGIN, "GET", "/login", lang=_LANGUAGE),
    _route(Kind.LOGIN, "POST", "/login", lang=_LANGUAGE),
    _route(Kind.LOGOUT, "POST", "/logout"),
    _route(Kind.UPLOAD, "POST", "/upload"),
    _route(Kind.ASSET, "GET", rf"/(assets|static)(/{_FILE})+\.(js|css|woff2|png|svg|json)"),
    _route(Kind.ASSET, "GET", rf"/(favicon\.ico|manifest\.json|theme\.css|{_API[1:]}/theme\.css)"),
    _route(Kind.STATUS, "GET", f"{_API}/app_id"),
    _route(Kind.EVENT, "POST", f"{_API}/queue/join", lang=_LANGUAGE),
    _route(Kind.STREAM, "GET", f"{_API}/queue/data", session_hash=PAGE_NAME),
)

# Bytes that mean the same to every reader: no escapes, no doubled slashes, no dot segments.
_PLAIN_PATH = re.compile(rb"/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")


def find_route(scope: Mapping[str, Any]) -> Route | None:
    """Return the route an HTTP scope asks for, None when it asks for anything else."""
    path: str = scope["path"]
    raw = scope.get("raw_path") or path.encode()
    if not _PLAIN_PATH.fullmatch(raw) or raw.decode("ascii") != path or scope.get("root_path"):
        return None
    for route in ROUTES:
        if route.method == scope["method"] and route.path.fullmatch(path):
            return route
    return None


def known_query(route: Route, query_string: bytes) -> dict[str, str] | None:
    """Return the parameters that the route knows; others are dropped.

    None: a known one is given twice, or has a value it cannot have.
    """
    known: dict[str, str] = {}
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    for name, value in pairs:
        if name not in route.query:
            continue
        if name in known or not route.query[name].fullmatch(value):
            return None
        known[name] = value
    return known


def query_bytes(query: Mapping[str, str]) -> bytes:
    """Return parameters as they stand in a scope."""
    return urlencode(query).encode("ascii")
