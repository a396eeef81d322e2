"""What stands in front of the page: who may open it, and what the browser may do with it.

The content security policy is what keeps everything on the machine: the browser refuses every
request to another host, whatever a document, an answer or a library tries.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ragapp.text.language import Language
from ragapp.web.strings import STRINGS, choose_interface

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGIN_PAGE = Path(__file__).parent / "static" / "login.html"
COOKIE = "ragapp_session"
SESSION_S = 14 * 24 * 3600
FREE_ATTEMPTS = 5
ATTEMPT_PAUSE_S = 30
LONGEST_FORM = 4096  # bytes

# Gradio compiles its component templates in the browser: hence unsafe-inline and unsafe-eval.
CONTENT_POLICY = "; ".join(
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
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without one, browsers hide the origin of a form
    "cross-origin-opener-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Say whether an address or name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware around the whole page.

    loopback_only: answer only under a loopback name, so that no foreign site can reach the page
    by pointing its own name at 127.0.0.1. An empty password asks for none.
    """

    def __init__(self, app: ASGIApp, *, password: str, loopback_only: bool, language: str) -> None:
        self._app = app
        self._password = hashlib.sha256(password.encode()).digest() if password else b""
        self._loopback_only = loopback_only
        self._language = language
        self._sessions: dict[str, float] = {}  # token: when it ends
        self._attempts: dict[str, tuple[int, float]] = {}  # address: failures, last one's time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, show the login page, or let through."""
        from starlette.requests import Request

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        if response is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await response(scope, receive, _with_headers(send))

    async def _answer(self, request: Request) -> Response | None:
        """Return a response of the guard's own, None to let the request through."""
        from starlette.responses import PlainTextResponse, RedirectResponse

        if self._loopback_only and not is_loopback(request.url.hostname or ""):
            return PlainTextResponse("This page is served to this computer only.", 403)
        origin = request.headers.get("origin")
        if (
            origin is not None
            and request.method not in ("GET", "HEAD")
            and urlsplit(origin).netloc != request.headers.get("host")
        ):
            return PlainTextResponse("Another site may not use this page.", 403)
        if not self._password:
            return None
        if request.url.path == "/login":
            return await self._login(request)
        if self._knows(request.cookies.get(COOKIE, "")):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Log in first.", 401)

    def _knows(self, token: str) -> bool:
        return self._sessions.get(token, 0.0) > time.time()

    async def _login(self, request: Request) -> Response:
        from starlette.responses import RedirectResponse

        if request.method != "POST":
            return self._login_page(request, "", 200)
        strings = STRINGS[self._interface(request)]
        address = request.client.host if request.client else ""
        failures, last = self._attempts.get(address, (0, 0.0))
        pause = last + ATTEMPT_PAUSE_S - time.time()
        if failures >= FREE_ATTEMPTS and pause > 0:
            return self._login_page(
                request, strings.too_many.format(seconds=int(pause) + 1), 429
            )  # fmt: skip
        given = await _password_of(request)
        if not hmac.compare_digest(hashlib.sha256(given.encode()).digest(), self._password):
            self._attempts[address] = (failures + 1, time.time())
            return self._login_page(request, strings.wrong_password, 401)
        self._attempts.pop(address, None)
        now = time.time()
        self._sessions = {t: ends for t, ends in self._sessions.items() if ends > now}
        token = secrets.token_urlsafe(32)
        self._sessions[token] = now + SESSION_S
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, token, max_age=SESSION_S, httponly=True, samesite="lax")
        return response

    def _interface(self, request: Request) -> Language:
        return choose_interface(
            self._language,
            request.query_params.get("lang"),
            request.headers.get("accept-language", ""),
        )

    def _login_page(self, request: Request, message: str, status: int) -> Response:
        from starlette.responses import HTMLResponse

        strings = STRINGS[self._interface(request)]
        html = LOGIN_PAGE.read_text(encoding="utf-8")
        for key, value in {
            "lang": strings.html_lang,
            "title": strings.login_title,
            "password": strings.password,
            "login": strings.login,
            "message": message,
        }.items():
            html = html.replace(f"[[{key}]]", escape(value))
        return HTMLResponse(html, status)


async def _password_of(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return ""
    return parse_qs(body.decode(errors="replace")).get("password", [""])[0]


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.encode() not in given
                ),
            ]
        await send(message)

    return send_with_headers
