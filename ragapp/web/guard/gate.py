"""The gate: every request passes here, is refused, or is answered.

In this order: a known host, a listed route, a browser that may send it, a session, and for an
event or a stream a page of that session. What passes carries the session's id in its state, where
nothing that was sent can put it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragapp.web.guard.answer import (
    HTML,
    Answer,
    Refused,
    body_of,
    read_at_most,
    redirect,
    refused,
    replayed,
    with_our_headers,
)
from ragapp.web.guard.attempts import Attempts
from ragapp.web.guard.cookie import Cookie
from ragapp.web.guard.events import (
    LONGEST_EVENT,
    MOST_EVENTS,
    Event,
    MalformedEvent,
    RunningEvents,
    parse_event,
)
from ragapp.web.guard.headers import joined, request_headers
from ragapp.web.guard.login import Login
from ragapp.web.guard.origin import browser_allows, host_name, is_loopback
from ragapp.web.guard.proxies import Network, Sender, network_of, sender
from ragapp.web.guard.routes import PAGE_NAME, Kind, Route, find_route, known_query, query_bytes
from ragapp.web.guard.sessions import Page, Session, Sessions
from ragapp.web.guard.stream import serve_while

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LONGEST_WAIT_S = 30.0
"""For the body of an event."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in. An empty password asks for none.

    loopback_only: answer only under a loopback name, so that no foreign site can reach the page
    by pointing its own name at 127.0.0.1. language: of the login page. proxies: those whose
    forwarding headers are believed.
    """

    password: str = field(repr=False)
    loopback_only: bool
    port: int
    language: str
    proxies: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for something that exists, from a browser that may send it."""

    route: Route
    headers: Mapping[str, str]
    query: Mapping[str, str]
    sender: Sender
    cookie: Cookie

    @property
    def token(self) -> str:
        return self.cookie.token(self.headers.get("cookie", ""))


class Gate:
    """ASGI middleware around everything that is served."""

    def __init__(self, app: ASGIApp, access: Access, events: RunningEvents) -> None:
        self._app = app
        self._access = access
        self._events = events
        self._sessions = Sessions()
        password = access.password
        self._login = Login(password, access.language, Attempts()) if password else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, answer, or let through. Of other kinds of scope only the server's own passes."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self._serve(self._ask(scope), scope, receive, send)
            except Refused as error:
                await error.answer.send(send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    def _ask(self, scope: Scope) -> _Asked:
        """Check what needs no session."""
        headers = joined(scope["headers"])
        if headers is None:
            raise refused(400, "A header is given twice.")
        peer = scope["client"][0] if scope.get("client") else ""
        via = sender(peer, scope.get("scheme", "http"), headers, self._access.proxies)
        name = host_name(via.host)
        if name is None:
            raise refused(400, "The Host header is malformed.")
        if self._access.loopback_only and not is_loopback(name):
            raise refused(403, "This page is served to this computer only.")
        route = find_route(scope)
        if route is None:
            raise refused(404, "There is nothing here.")
        if not browser_allows(route, headers, via.host):
            raise refused(403, "Another site may not use this page.")
        query = known_query(route, scope.get("query_string", b""))
        if query is None:
            raise refused(400, "A parameter is given twice or malformed.")
        cookie = Cookie(self._access.port, secure=via.scheme == "https")
        return _Asked(route, headers, query, via, cookie)

    async def _serve(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        kind = asked.route.kind
        if kind is Kind.LOGIN:
            raise Refused(await self._come_in(asked, receive))
        if kind is Kind.LOGOUT:
            self._sessions.end(asked.token)
            raise Refused(redirect("/login" if self._login else "/", asked.cookie.without_token()))
        session, cookies = self._session_of(asked)
        length, page = None, None
        if kind is Kind.PAGE:
            session.opened_page = True
        elif kind is Kind.EVENT:
            event = await self._event_of(session, receive)
            page = self._page_of(session, event.page)
            length, receive = len(event.body), replayed(event.body, receive)
        elif kind is Kind.STREAM:
            page = self._page_of(session, asked.query.get("session_hash", ""))
        elif kind is Kind.UPLOAD and not session.opened_page:
            raise refused(404, "There is nothing here.")
        scope = {
            **scope,
            "scheme": asked.sender.scheme,
            "client": (asked.sender.address, 0),
            "query_string": query_bytes(asked.query),
            "headers": request_headers(scope["headers"], asked.sender.host, length),
            "state": {
                **scope.get("state", {}),
                "session": session.id,
                "is_there": lambda: page is not None and self._sessions.is_there(session, page),
            },
        }
        send = with_our_headers(send, kind, cookies)
        if kind is Kind.STREAM and page is not None:
            clock = self._sessions.clock
            await serve_while(session, page, self._app, scope, receive, send, clock)
        else:
            await self._app(scope, receive, send)

    def _session_of(self, asked: _Asked) -> tuple[Session, tuple[str, ...]]:
        """Return the session and the cookies to set; without a password the page begins one."""
        session = self._sessions.find(asked.token)
        if session is not None:
            return session, ()
        if asked.route.kind is not Kind.PAGE:
            raise refused(401, "Log in first." if self._login else "Open the page first.")
        if self._login is not None:
            raise Refused(redirect("/login"))
        token, session = self._sessions.begin()
        return session, (asked.cookie.with_token(token),)

    async def _come_in(self, asked: _Asked, receive: Receive) -> Answer:
        if self._login is None:
            return redirect("/")
        if asked.route.method == "GET":
            return Answer(200, self._login.form(asked.query, asked.headers), HTML, Kind.LOGIN)
        network = network_of(asked.sender.address)
        outcome = await self._login.attempt(network, body_of(receive), asked.query, asked.headers)
        if outcome.html is not None:
            wait = ((b"retry-after", str(outcome.wait_s).encode("ascii")),)
            headers = wait if outcome.wait_s else ()
            return Answer(outcome.status, outcome.html, HTML, Kind.LOGIN, headers)
        self._sessions.end(asked.token)  # whoever left a token here does not come in with us
        token, _ = self._sessions.begin()
        return redirect("/", asked.cookie.with_token(token))

    async def _event_of(self, session: Session, receive: Receive) -> Event:
        """Return an event that this session may have done."""
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                event = parse_event(await read_at_most(body_of(receive), LONGEST_EVENT))
        except (MalformedEvent, TimeoutError) as error:
            raise refused(400, "That is no event of the page.") from error
        if self._events.of(session.id) >= MOST_EVENTS:
            raise refused(429, "Too much at once. Wait until something is done.")
        return event

    def _page_of(self, session: Session, name: str) -> Page:
        page = None
        if session.opened_page and PAGE_NAME.fullmatch(name):
            page = self._sessions.page(session, name)
        if page is None:
            raise refused(404, "There is nothing here.")
        return page
