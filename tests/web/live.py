"""The whole page behind its guard, served from a thread of the test: no model is needed for that."""

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

from ragapp.settings import Settings
from ragapp.web.app import asgi_app
from ragapp.web.guard.gate import Access, Gate
from ragapp.web.inbox import Inbox
from ragapp.workspace import Workspace

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
    inbox: Inbox
    incoming: Path
    workspace: Workspace

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
    settings = replace(Settings(), home=home, models=models)
    workspace = Workspace(settings)
    incoming = home / "incoming"
    incoming.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        inbox = Inbox(incoming)
        given = {"password": password, "loopback_only": True, "port": port, "language": "en"}
        app, stop = asgi_app(workspace, Access(**{**given, **access}), inbox)
        config = uvicorn.Config(
            app, log_level="warning", lifespan="on", ws="none", proxy_headers=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield Live(port, app, inbox, incoming, workspace)
        stop()
        server.should_exit = True
        thread.join(timeout=20)
