"""The page behind its guard, served from a thread of the test: no model is needed for that."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from ragapp.library import Library
from ragapp.settings import Settings
from ragapp.web.app import asgi_app
from ragapp.web.guard.gate import Access, Gate
from ragapp.web.inbox import Inbox

PASSWORD = "öffne dich 芝麻"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass(frozen=True)
class Live:
    """A running server and what it is made of."""

    port: int
    gate: Gate
    inbox: Any
    incoming: Any
    library: Any

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cookie_name(self) -> str:
        return f"ragapp_{self.port}"

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Reply:  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        cookies = tuple(answer.msg.get_all("set-cookie") or ())
        given = {name.lower(): value for name, value in answer.getheaders()}
        streams = "event-stream" in given.get("content-type", "")
        reply = Reply(answer.status, given, b"" if streams else answer.read(), cookies)
        connection.close()
        return reply

    def log_in(self) -> str:
        """Return the cookie of a new session that has opened the page."""
        if self.request("GET", "/").status == 303:
            body = b"password=" + PASSWORD.encode()
            entered = self.request("POST", "/login", body)
            assert entered.status == 303, entered.text
            cookie = entered.cookies[0].partition(";")[0]
        else:
            cookie = self.request("GET", "/").cookies[0].partition(";")[0]
        assert self.request("GET", "/", cookie=cookie).status == 200
        return cookie

    def join(self, cookie: str, page: str, index: int, data: list[Any], **more: Any) -> Reply:
        event = {"session_hash": page, "fn_index": index, "data": data, **more}
        return self.request(
            "POST", "/gradio_api/queue/join", json.dumps(event).encode(),
            cookie=cookie, content_type="application/json",
        )  # fmt: skip

    def upload(self, cookie: str, name: str, content: bytes, **headers: str) -> Reply:
        return self.request("POST", "/upload", content, cookie=cookie, x_file_name=name, **headers)

    def outcome(self, cookie: str, page: str) -> str:
        """Return what the events of a page have answered, until all are done."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        path = f"/gradio_api/queue/data?session_hash={page}"
        connection.request("GET", path, headers={"cookie": cookie})
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def session_of(self, cookie: str) -> str:
        session = self.gate._sessions.find(cookie.partition("=")[2])
        assert session is not None
        return session.id

    def mounted(self) -> list[Any]:
        """Return every route behind the gate: ours, Gradio's, and those of its parts."""
        found, parts = [], [self.gate._app]
        while parts:
            for route in parts.pop().routes:
                found.append(route)
                inner = (getattr(route, "app", None), getattr(route, "original_router", None))
                parts += [part for part in inner if hasattr(part, "routes")]
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return what the page can have done, as its configuration tells the browser."""
        page = self.request("GET", "/", cookie=self.log_in()).text
        start = page.index("window.gradio_config = ") + len("window.gradio_config = ")
        config, _ = json.JSONDecoder().raw_decode(page[start:])
        return config["dependencies"]

    def raw(self, sent: bytes, wait_s: float = 5.0) -> bytes:
        """Send bytes as they are; return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as connection:
            connection.sendall(sent)
            received = b""
            try:
                while part := connection.recv(65536):
                    received += part
            except TimeoutError:
                pass
            return received


@contextmanager
def live(home: Path, models: Path, password: str = "", **access: Any) -> Iterator[Live]:
    """Serve the whole page."""
    library = Library(replace(Settings(), home=home, models=models))
    incoming = home / "incoming"
    incoming.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        inbox = Inbox(incoming)
        app, stop = asgi_app(library, _access(port, password, access), inbox)
        with running(app, listening):
            yield Live(port, app, inbox, incoming, library)
            stop()


@contextmanager
def gate_alone(password: str = "", **access: Any) -> Iterator[Live]:
    """Serve an app behind the gate that answers everything with what it was told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        app = Gate(Echo(), _access(port, password, access), NoEvents())
        with running(app, listening):
            yield Live(port, app, None, None, None)


class NoEvents:
    def of(self, session_id: str) -> int:
        return 0


class Echo:
    """Answers with the scope it was given, and with what Gradio's CORS would add."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        seen = {
            "headers": {n.decode(): v.decode("latin-1") for n, v in scope["headers"]},
            "query": scope["query_string"].decode(),
            "state": {"session": scope["state"]["session"]},
            "client": scope["client"],
            "scheme": scope["scheme"],
        }
        headers = [
            (b"content-type", b"application/json"),
            (b"access-control-allow-origin", b"https://evil.example"),
            (b"Access-Control-Allow-Credentials", b"true"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


@contextmanager
def running(app: Any, listening: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(
        app, log_level="warning", lifespan="on" if not isinstance(app._app, Echo) else "off",
        ws="none", proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def _access(port: int, password: str, more: dict[str, Any]) -> Access:
    given = {"password": password, "loopback_only": True, "port": port, "language": "auto"}
    return Access(**{**given, **more})
