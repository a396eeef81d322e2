"""Which headers pass, in either direction, and what the browser may do with each answer.

The content security policy of the page is what keeps everything on the machine: the browser
refuses every request to another host, whatever a document, an answer or a library tries.
Anything that is not a page is shut into a sandbox, should a browser ever show it as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ragapp.web.guard.routes import Kind

Headers = Iterable[tuple[bytes, bytes]]

# Gradio compiles its component templates in the browser: hence unsafe-inline and unsafe-eval.
PAGE_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
LOGIN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
POLICIES = {Kind.PAGE: PAGE_POLICY, Kind.LOGIN: LOGIN_POLICY, Kind.LOGOUT: LOGIN_POLICY}
FIXED = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",  # without one, browsers hide the origin of a form
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
OURS = {b"content-security-policy", b"set-cookie", b"server", *FIXED}
PASSED_ON = {
    b"accept", b"accept-language", b"content-length", b"content-type", b"if-modified-since",
    b"if-none-match", b"user-agent", b"x-file-name",
}  # fmt: skip
"""What the app behind the guard may see: no cookie, no forwarding headers, nothing of Gradio's."""


def request_headers(given: Headers, host: str, length: int | None) -> list[tuple[bytes, bytes]]:
    """Return the headers that are passed on; ``length``: of a body that was written anew."""
    passed = [(name, value) for name, value in given if name in PASSED_ON]
    if length is not None:
        passed = [(n, v) for n, v in passed if n not in (b"content-length", b"content-type")]
        passed += [
            (b"content-length", str(length).encode()),
            (b"content-type", b"application/json"),
        ]
    return [(b"host", host.encode("ascii")), *passed]


def response_headers(
    given: Headers, kind: Kind | None, cookies: Iterable[str] = ()
) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer; ``kind`` None: to a request that was refused."""
    kept = [
        (name, value)
        for name, value in ((name.lower(), value) for name, value in given)
        if name not in OURS and not name.startswith(b"access-control-")
    ]
    policy = SANDBOX if kind is None else POLICIES.get(kind, SANDBOX)
    kept += [(b"content-security-policy", policy.encode()), *FIXED.items()]
    if kind is not Kind.ASSET and not any(name == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"no-store"))
    return kept + [(b"set-cookie", cookie.encode("ascii")) for cookie in cookies]


def joined(given: Headers) -> Mapping[str, str] | None:
    """Return headers by name, None when one that decides something is given twice."""
    by_name: dict[str, str] = {}
    for name, value in given:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key not in by_name:
            by_name[key] = text
        elif key in ("host", "origin", "content-length", "x-forwarded-host", "x-forwarded-proto"):
            return None
        else:
            by_name[key] += ("; " if key == "cookie" else ", ") + text
    return by_name
